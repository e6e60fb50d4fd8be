public class Main {
    public static void main(String[] args) throws InterruptedException {
        Thread.sleep(1_000_000);
    }
}
