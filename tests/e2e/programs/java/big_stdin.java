import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;

public class Main {
    public static void main(String[] args) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        long bytes = 0, lines = 0, sum = 0;
        for (String line; (line = in.readLine()) != null; lines++) {
            bytes += line.length() + 1;
            sum += Integer.parseInt(line);
        }
        System.out.println(bytes + " " + lines + " " + sum);
    }
}
