package helpers;

public final class Helper {
    private Helper() {}

    public static int twicePlusTwo(int n) {
        return 2 * n + 2;
    }
}
