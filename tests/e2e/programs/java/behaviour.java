import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.Charset;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Scanner;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicLong;

/** What Java does under limits: the first letter of the input says what, a number after it how much. */
public class Behaviour {
    static int deep(int n) {
        return n == 0 ? 0 : 1 + deep(n - 1);
    }

    static int touch(int megabytes) {
        List<byte[]> held = new ArrayList<>();
        for (int i = 0; i < megabytes; i++) {
            byte[] block = new byte[1 << 20];
            Arrays.fill(block, (byte) 1);
            held.add(block);
        }
        return held.size();
    }

    static int release(int megabytes) {
        for (int round = 0; round < 3; round++) {
            touch(megabytes);
        }
        return megabytes;
    }

    static long threads(int count) throws InterruptedException {
        CyclicBarrier together = new CyclicBarrier(count);
        AtomicLong sum = new AtomicLong();
        List<Thread> running = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int number = i;
            running.add(new Thread(() -> {
                try {
                    together.await();
                    sum.addAndGet(number);
                } catch (Exception e) {
                    throw new RuntimeException(e);
                }
            }));
        }
        running.forEach(Thread::start);
        for (Thread thread : running) {
            thread.join();
        }
        return sum.get();
    }

    static long sum(String text) {
        return text.isBlank() ? 0 : Arrays.stream(text.trim().split("\\s+")).mapToLong(Long::parseLong).sum();
    }

    static long byLine() throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        long total = 0;
        for (String line; (line = in.readLine()) != null;) {
            total += sum(line);
        }
        return total;
    }

    static long byScanner() {
        Scanner in = new Scanner(System.in);
        long total = 0;
        while (in.hasNextLong()) {
            total += in.nextLong();
        }
        return total;
    }

    static long byByte() throws IOException {
        StringBuilder text = new StringBuilder();
        for (int b; (b = System.in.read()) >= 0;) {
            text.append((char) b);
        }
        return sum(text.toString());
    }

    static String place() {
        return DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm").withZone(ZoneId.systemDefault()).format(Instant.EPOCH)
                + " " + ZoneId.systemDefault() + " " + "žluť".length() + " " + Charset.defaultCharset();
    }

    static int number() {
        return new Scanner(System.in).nextInt();
    }

    public static void main(String[] args) throws Exception {
        Object result = null;
        switch (System.in.read()) {
            case 'l': result = byLine(); break;
            case 's': result = byScanner(); break;
            case 'a': result = sum(new String(System.in.readAllBytes())); break;
            case 'b': result = byByte(); break;
            case 'd': result = (0.1 + 0.2) + " " + String.format("%.2f", 2.0 / 3) + " " + 1e21; break;
            case 'p': result = place(); break;
            case 'r': result = deep(number()); break;
            case 't': result = touch(number()); break;
            case 'f': result = release(number()); break;
            case 'w': result = threads(number()); break;
        }
        System.out.println(result);
    }
}
