import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Locale;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The average of each name's grades, with streams. Input: "name grade" a line. */
public class Grades {
    public static void main(String[] args) {
        TreeMap<String, Double> averages = new BufferedReader(new InputStreamReader(System.in)).lines()
                .map(line -> line.split(" "))
                .collect(Collectors.groupingBy(words -> words[0], TreeMap::new,
                        Collectors.averagingDouble(words -> Double.parseDouble(words[1]))));
        averages.forEach((name, average) -> System.out.printf(Locale.ROOT, "%s %.2f%n", name, average));
    }
}
