import java.math.BigInteger;
import java.util.Scanner;

/** The Fibonacci numbers of the indices in its input, however large. */
public class Fibonacci {
    static BigInteger fibonacci(int index) {
        BigInteger a = BigInteger.ZERO, b = BigInteger.ONE;
        for (int i = 0; i < index; i++) {
            BigInteger next = a.add(b);
            a = b;
            b = next;
        }
        return a;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        while (in.hasNextInt()) {
            System.out.println(fibonacci(in.nextInt()));
        }
    }
}
