public class Main {
    public static void main(String[] args) {
        for (int n = 0; ; n++) {
            System.out.println("line " + n);
        }
    }
}
