import java.util.ArrayList;
import java.util.List;

public class Main {
    public static void main(String[] args) {
        List<byte[]> held = new ArrayList<>();
        for (;;) {
            held.add(new byte[100_000]);
        }
    }
}
