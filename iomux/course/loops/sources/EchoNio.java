// Echo on Java NIO: a Selector, which on Linux is an epoll object, and a buffer for each client.
//
// usage: java EchoNio PORT        listens on 127.0.0.1; serves until killed.
//
// NIO is the poller only: partial writes, half-close and back-pressure are this program's work. A client's buffer is
// bounded; while it is full its requests stay in the kernel. Source: java.nio.channels, Selector; sun.nio.ch,
// EPollSelectorImpl.

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

public class EchoNio {
    private static final int BUFFER_BYTES = 16 * 1024, BACKLOG = 4096;

    public static void main(String[] arguments) throws IOException {
        Selector selector = Selector.open();
        ServerSocketChannel listener = ServerSocketChannel.open();
        listener.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), BACKLOG);
        listener.configureBlocking(false);
        SelectionKey accepting = listener.register(selector, SelectionKey.OP_ACCEPT);
        while (true) {
            boolean full = accepting.interestOps() == 0; // out of descriptors: watched, it would wake us at once
            selector.select(full ? 1000 : 0);
            if (full) accepting.interestOps(SelectionKey.OP_ACCEPT);
            for (SelectionKey ready : selector.selectedKeys()) {
                if (ready == accepting) accept(listener, accepting, selector);
                else serve(ready);
            }
            selector.selectedKeys().clear();
        }
    }

    private static void accept(ServerSocketChannel listener, SelectionKey accepting, Selector selector) {
        try {
            for (SocketChannel client; (client = listener.accept()) != null; ) {
                client.configureBlocking(false);
                client.register(selector, SelectionKey.OP_READ, ByteBuffer.allocate(BUFFER_BYTES));
            }
        } catch (IOException noDescriptorLeft) {
            accepting.interestOps(0);
        }
    }

    private static void serve(SelectionKey ready) throws IOException {
        SocketChannel client = (SocketChannel) ready.channel();
        ByteBuffer owed = (ByteBuffer) ready.attachment(); // up to its position: what is not sent yet
        try {
            if (ready.isReadable() && client.read(owed) < 0) client.shutdownInput();
            boolean ended = client.socket().isInputShutdown();
            client.write(owed.flip());
            owed.compact();
            if (ended && owed.position() == 0) client.close();
            else ready.interestOps(
                (owed.position() > 0 ? SelectionKey.OP_WRITE : 0) |
                (ended || !owed.hasRemaining() ? 0 : SelectionKey.OP_READ));
        } catch (IOException reset) {
            client.close();
        }
    }
}
