import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.JavacTask;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.Diagnostic;
import javax.tools.ForwardingJavaFileObject;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * javac for submissions: compiles sources whatever their public classes are called, into the folder program. The main
 * class, the first with a main method in the sources' order, gives its name to an empty file in the folder entry.
 *
 * <p>A class path that is a folder starts a program a fifth sooner than a jar does, but a box takes few files: what is
 * above FILES_MOST goes into program/rest.jar.
 *
 * <p>usage: SentinelJavac [FLAG…] SOURCE.java…; exits 0, or 1 with javac's diagnostics on standard error.
 */
public final class SentinelJavac {
    static final Path PROGRAM = Path.of("program");
    static final int FILES_MOST = 200;
    static final JavaCompiler JAVAC = ToolProvider.getSystemJavaCompiler();

    private static final Path ENTRY = Path.of("entry");

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
        List<String> flags = new ArrayList<>();
        List<File> files = new ArrayList<>();
        for (String arg : args) {
            if (arg.endsWith(".java")) {
                files.add(new File(arg));
            } else {
                flags.add(arg);
            }
        }
        Files.createDirectory(PROGRAM);
        String mainClass;
        try (StandardJavaFileManager manager = fileManager()) {
            List<JavaFileObject> sources = new ArrayList<>();
            manager.getJavaFileObjectsFromFiles(files).forEach(file -> sources.add(new Source(file)));
            mainClass = compile(flags, sources, manager, System.err, null);
        }
        if (mainClass == null) {
            System.exit(1);
        }
        Files.createDirectory(ENTRY);
        Files.createFile(ENTRY.resolve(mainClass));
        packRest();
    }

    static StandardJavaFileManager fileManager() {
        return JAVAC.getStandardFileManager(null, Locale.ROOT, StandardCharsets.UTF_8);
    }

    /**
     * The main class's name; null when there is none, or when javac found an error. What is no diagnostic, and only the
     * failure of javac itself is none, goes to trouble, or to standard error when that is null.
     */
    static String compile(List<String> flags, List<JavaFileObject> sources, JavaFileManager manager,
            PrintStream messages, Writer trouble) throws IOException {
        boolean[] failed = {false};
        List<String> options = new ArrayList<>(List.of("-d", PROGRAM.toString(), "-proc:none", "-nowarn"));
        options.addAll(flags);
        JavacTask task = (JavacTask) JAVAC.getTask(trouble, manager, diagnostic -> {
            failed[0] |= diagnostic.getKind() == Diagnostic.Kind.ERROR;
            messages.println(diagnostic);
        }, options, null, sources);
        String mainClass = null;
        for (CompilationUnitTree unit : task.parse()) {
            mainClass = mainClass == null ? mainClassOf(unit) : mainClass;
        }
        task.generate();
        if (!failed[0] && mainClass == null) {
            messages.println("error: no class has a method public static void main(String[])");
        }
        return failed[0] ? null : mainClass;
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

    private static void packRest() throws IOException {
        List<Path> rest;
        try (Stream<Path> found = Files.walk(PROGRAM)) {
            rest = found.filter(Files::isRegularFile).sorted().skip(FILES_MOST).collect(Collectors.toList());
        }
        if (rest.isEmpty()) {
            return;
        }
        try (OutputStream out = Files.newOutputStream(PROGRAM.resolve("rest.jar"));
                JarOutputStream jar = new JarOutputStream(out)) {
            jar.setLevel(0);
            for (Path file : rest) {
                jar.putNextEntry(new JarEntry(PROGRAM.relativize(file).toString()));
                Files.copy(file, jar);
                jar.closeEntry();
                Files.delete(file);
            }
        }
    }
}
