import helpers.Helper;
import java.util.Scanner;

public class Main {
    public static void main(String[] args) {
        System.out.println(Helper.twicePlusTwo(new Scanner(System.in).nextInt()));
    }
}
