import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;

/**
 * SentinelJavac, resident: compiles one submission after another. It reads no file of a submission's, and what javac
 * writes goes before the next one comes.
 *
 * <p>It answers what SentinelJavac would, byte for byte. What is not usual it declines, and it ends when javac itself
 * failed: SentinelJavac, with a box to itself, then says how the compilation ends.
 *
 * <p>usage: ResidentJavac SOURCE.java…: sources that it compiles until it is warm. Standard input is a socket, on which
 * it talks as executor/resident_frame.h says.
 */
public final class ResidentJavac {
    private static final int DECLINED = 2;
    private static final int READY = 3;

    private static final int WARM_ROUNDS = 8;

    /** Bytes; BOX_NAME_MAX. */
    private static final int NAME_MOST = 255;

    private final Map<String, byte[]> classes = new LinkedHashMap<>();
    private final ByteArrayOutputStream messages = new ByteArrayOutputStream();
    private int status;

    private ResidentJavac() {}

    /** As SentinelJavac's, which reads it from a file of that name in /work. */
    private static final class Source extends SimpleJavaFileObject {
        private final String name;
        private final String text;

        Source(String name, byte[] content) throws CharacterCodingException {
            super(Path.of("/work", name).toUri(), Kind.SOURCE);
            this.name = name;
            String decoded = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
            text = decoded.startsWith("\uFEFF") ? decoded.substring(1) : decoded;
        }

        @Override
        public String getName() {
            return name;
        }

        @Override
        public boolean isNameCompatible(String simpleName, Kind kind) {
            return kind == Kind.SOURCE;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }

    /** False: javac failed, and may be left in a state that is not its first. */
    private boolean compile(Map<String, byte[]> files) throws IOException {
        StringWriter trouble = new StringWriter();
        status = DECLINED;
        Files.createDirectory(SentinelJavac.PROGRAM);
        try (JavaFileManager manager = SentinelJavac.fileManager()) {
            List<JavaFileObject> sources = new ArrayList<>();
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                sources.add(new Source(file.getKey(), file.getValue()));
            }
            PrintStream out = new PrintStream(messages, false, StandardCharsets.UTF_8);
            String mainClass = SentinelJavac.compile(List.of(), sources, manager, out, trouble);
            out.flush();
            if (mainClass == null) {
                status = 1;
            } else if (takeClasses()) {
                classes.put("entry/" + mainClass, new byte[0]);
                status = 0;
            }
        } catch (CharacterCodingException e) {
            return true;
        } catch (RuntimeException | Error e) {
            return false;
        } finally {
            remove(SentinelJavac.PROGRAM);
        }
        if (trouble.getBuffer().length() > 0) {
            status = DECLINED;
        }
        return trouble.getBuffer().length() == 0;
    }

    /** False: more than are left as files, or with longer names. */
    private boolean takeClasses() throws IOException {
        List<Path> found;
        try (Stream<Path> paths = Files.walk(SentinelJavac.PROGRAM)) {
            found = paths.filter(Files::isRegularFile).collect(Collectors.toList());
        }
        if (found.size() > SentinelJavac.FILES_MOST
                || found.stream().anyMatch(path -> path.toString().getBytes(StandardCharsets.UTF_8).length > NAME_MOST)) {
            return false;
        }
        for (Path path : found) {
            classes.put(path.toString(), Files.readAllBytes(path));
        }
        return true;
    }

    private static void remove(Path folder) throws IOException {
        List<Path> paths;
        try (Stream<Path> found = Files.walk(folder)) {
            paths = found.sorted(Comparator.reverseOrder()).collect(Collectors.toList());
        }
        for (Path path : paths) {
            Files.delete(path);
        }
    }

    /** What this process used so far, by what its threads did. */
    private static long cpuNanos() {
        long sum = 0;
        try (DirectoryStream<Path> tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
            for (Path task : tasks) {
                String figures = Files.readString(task.resolve("schedstat"));
                sum += Long.parseLong(figures.substring(0, figures.indexOf(' ')));
            }
        } catch (IOException | RuntimeException e) {
            return 0; // gVisor has none
        }
        return sum;
    }

    private static long peakKb() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return 0;
    }

    /** Its sources, named as an executor names them to SentinelJavac. */
    private static Map<String, byte[]> readRequest(DataInputStream in) throws IOException {
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (int count = in.readInt(); count > 0; count--) {
            String name = new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
            byte[] content = in.readNBytes(in.readInt());
            if (name.endsWith(".java")) {
                files.put((name.startsWith("-") || name.startsWith("@") ? "./" : "") + name, content);
            }
        }
        return files;
    }

    private void writeAnswer(DataOutputStream socket, long cpuNanos) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        if (status == DECLINED) {
            messages.reset();
            classes.clear();
        }
        out.writeInt(status);
        out.writeLong(cpuNanos / 1000);
        out.writeLong(peakKb() * 1024);
        out.writeInt(messages.size());
        messages.writeTo(out);
        out.writeInt(classes.size());
        for (Map.Entry<String, byte[]> file : classes.entrySet()) {
            byte[] name = file.getKey().getBytes(StandardCharsets.UTF_8);
            out.writeInt(name.length);
            out.write(name);
            out.writeInt(file.getValue().length);
            out.write(file.getValue());
        }
        socket.writeInt(bytes.size());
        bytes.writeTo(socket);
        socket.flush();
    }

    private static void warmUp(String[] names) throws IOException {
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (String name : names) {
            files.put(name, Files.readAllBytes(Path.of(name)));
        }
        Map<String, byte[]> wrong = Map.of("Main.java", "class Main { int x = \"\"; void f() { g(); } }".getBytes());
        for (int i = 0; i < WARM_ROUNDS; i++) {
            ResidentJavac right = new ResidentJavac();
            if (!right.compile(files) || right.status != 0) {
                throw new IllegalStateException("it does not compile itself: " + right.messages);
            }
            new ResidentJavac().compile(wrong);
        }
    }

    public static void main(String[] args) throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(FileDescriptor.in)));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.in)));
        warmUp(args);
        ResidentJavac answer = new ResidentJavac();
        answer.status = READY;
        answer.writeAnswer(out, 0);
        boolean sound = true;
        while (sound) {
            Map<String, byte[]> files;
            try {
                files = readRequest(in);
            } catch (EOFException e) {
                return;
            }
            long before = cpuNanos();
            answer = new ResidentJavac();
            sound = answer.compile(files);
            answer.writeAnswer(out, Math.max(cpuNanos() - before, 0));
        }
    }
}
