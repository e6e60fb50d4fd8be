import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.JavacTask;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.Diagnostic;
import javax.tools.ForwardingJavaFileObject;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * javac for submissions: compiles sources whatever their public classes are called, into a jar whose main class is the
 * first with a main method, in the sources' order.
 *
 * <p>usage: SentinelJavac OUT.jar [FLAG…] SOURCE.java…; exits 0, or 1 with javac's diagnostics on standard error.
 */
public final class SentinelJavac {
    private static final Path CLASSES = Path.of("classes");

    /** From Java 25 on, main needs neither static nor parameters, nor even a class around it. */
    private static final boolean SHORT_MAIN = Runtime.version().feature() >= 25;

    private SentinelJavac() {}

    /** A source in which a public class of any name may live, and without the byte order mark that some editors put. */
    private static final class Source extends ForwardingJavaFileObject<JavaFileObject> {
        Source(JavaFileObject file) {
            super(file);
        }

        @Override
        public boolean isNameCompatible(String simpleName, Kind kind) {
            return kind == Kind.SOURCE;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) throws IOException {
            CharSequence text = super.getCharContent(ignoreEncodingErrors);
            return text.length() > 0 && text.charAt(0) == '\uFEFF' ? text.subSequence(1, text.length()) : text;
        }
    }

    public static void main(String[] args) throws IOException {
        List<String> flags = new ArrayList<>(List.of("-d", CLASSES.toString(), "-proc:none", "-nowarn"));
        List<File> files = new ArrayList<>();
        for (String arg : List.of(args).subList(1, args.length)) {
            if (arg.endsWith(".java")) {
                files.add(new File(arg));
            } else {
                flags.add(arg);
            }
        }
        String mainClass = compile(flags, files);
        try (OutputStream out = Files.newOutputStream(Path.of(args[0]))) {
            writeJar(out, mainClass);
        }
    }

    /** The main class's name; ends the program when there is none, or when javac found an error. */
    private static String compile(List<String> flags, List<File> files) throws IOException {
        JavaCompiler javac = ToolProvider.getSystemJavaCompiler();
        Files.createDirectory(CLASSES);
        boolean[] failed = {false};
        try (StandardJavaFileManager manager =
                javac.getStandardFileManager(null, Locale.ROOT, StandardCharsets.UTF_8)) {
            List<JavaFileObject> sources = new ArrayList<>();
            manager.getJavaFileObjectsFromFiles(files).forEach(file -> sources.add(new Source(file)));
            JavacTask task = (JavacTask) javac.getTask(null, manager, diagnostic -> {
                failed[0] |= diagnostic.getKind() == Diagnostic.Kind.ERROR;
                System.err.println(diagnostic);
            }, flags, null, sources);
            String mainClass = null;
            for (CompilationUnitTree unit : task.parse()) {
                mainClass = mainClass == null ? mainClassOf(unit) : mainClass;
            }
            task.generate();
            if (!failed[0] && mainClass == null) {
                System.err.println("error: no class has a method public static void main(String[])");
            }
            if (failed[0] || mainClass == null) {
                System.exit(1);
            }
            return mainClass;
        }
    }

    private static String mainClassOf(CompilationUnitTree unit) {
        String prefix = unit.getPackageName() == null ? "" : unit.getPackageName() + ".";
        for (Tree declaration : unit.getTypeDecls()) {
            if (declaration instanceof ClassTree
                    && ((ClassTree) declaration).getMembers().stream().anyMatch(SentinelJavac::isMain)) {
                return prefix + ((ClassTree) declaration).getSimpleName();
            }
        }
        return null;
    }

    private static boolean isMain(Tree member) {
        if (!(member instanceof MethodTree)) {
            return false;
        }
        MethodTree method = (MethodTree) member;
        boolean classic = method.getParameters().size() == 1
                && method.getModifiers().getFlags().contains(Modifier.STATIC);
        return method.getName().contentEquals("main") && (classic || SHORT_MAIN && method.getParameters().size() <= 1);
    }

    private static void writeJar(OutputStream out, String mainClass) throws IOException {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, mainClass);
        try (JarOutputStream jar = new JarOutputStream(out, manifest); Stream<Path> found = Files.walk(CLASSES)) {
            jar.setLevel(0);
            for (Path file : (Iterable<Path>) found.filter(Files::isRegularFile).sorted()::iterator) {
                jar.putNextEntry(new JarEntry(CLASSES.relativize(file).toString()));
                Files.copy(file, jar);
                jar.closeEntry();
            }
        }
    }
}
