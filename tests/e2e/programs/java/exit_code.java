public class Main {
    public static void main(String[] args) {
        System.out.println("before");
        System.err.println("giving up");
        System.exit(42);
    }
}
