// A program whose native side allocates too: the compiler's threads, direct buffers, compression and many threads.
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.*;
import java.util.zip.*;

public class Records {
    record Person(int id, String name, List<String> tags) {}

    static String work(long seed) throws Exception {
        Random random = new Random(seed);
        Map<String, List<Person>> groups = new TreeMap<>();
        for (int i = 0; i < 60_000; i++) {
            List<String> tags = new ArrayList<>();
            for (int k = random.nextInt(6); k > 0; k--) { tags.add("tag" + random.nextInt(50)); }
            groups.computeIfAbsent("name" + random.nextInt(2000), key -> new ArrayList<>()).add(new Person(i, "p" + i, tags));
        }
        StringBuilder text = new StringBuilder();
        groups.forEach((name, people) -> { text.append(name); people.forEach(text::append); });
        byte[] plain = text.toString().getBytes();

        long bytes = 0;
        for (int i = 0; i < 300; i++) {
            ByteBuffer direct = ByteBuffer.allocateDirect(1 + random.nextInt(100_000));
            direct.put(direct.capacity() - 1, (byte) i);
            bytes += direct.capacity() + direct.get(direct.capacity() - 1);
        }
        int packed = 0;
        CRC32 crc = new CRC32();
        for (int level = 1; level <= 9; level += 4) {
            Deflater deflater = new Deflater(level);
            deflater.setInput(plain);
            deflater.finish();
            byte[] buffer = new byte[plain.length + 100];
            int length = deflater.deflate(buffer);
            deflater.end();
            Inflater inflater = new Inflater();
            inflater.setInput(buffer, 0, length);
            byte[] again = new byte[plain.length];
            int back = inflater.inflate(again);
            inflater.end();
            if (back != plain.length || !Arrays.equals(plain, again)) { throw new IllegalStateException("compression"); }
            packed += length;
            crc.update(again);
        }
        return seed + " " + plain.length + " " + packed + " " + crc.getValue() + " " + bytes;
    }

    public static void main(String[] arguments) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<String>> answers = new ArrayList<>();
        for (long seed = 1; seed <= 6; seed++) { long own = seed; answers.add(pool.submit(() -> work(own))); }
        for (Future<String> answer : answers) { System.out.println(answer.get()); }
        pool.shutdown();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 200; i++) { Thread thread = new Thread(() -> ByteBuffer.allocateDirect(4096)); thread.start(); threads.add(thread); }
        for (Thread thread : threads) { thread.join(); }
        System.gc();
        System.out.println("done");
    }
}
