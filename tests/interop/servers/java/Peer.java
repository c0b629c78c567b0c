import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/** Returns each string that it receives, reversed by UTF-16 units. */
class Peer {
  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[1]);
    InetAddress address = InetAddress.getByName("127.0.0.1");
    if (args[0].equals("client")) {
      echo(new Socket(address, port));
      return;
    }
    try (ServerSocket server = new ServerSocket(port, 1, address)) {
      System.err.println("ready");
      echo(server.accept());
    }
  }

  static void echo(Socket socket) throws Exception {
    try (socket) {
      DataInputStream in = new DataInputStream(socket.getInputStream());
      DataOutputStream out = new DataOutputStream(socket.getOutputStream());
      while (true) {
        String text;
        try {
          text = in.readUTF();
        } catch (EOFException end) {
          return;
        }
        char[] units = new char[text.length()];
        for (int i = 0; i < units.length; i++) {
          units[i] = text.charAt(units.length - 1 - i);
        }
        out.writeUTF(new String(units));
      }
    }
  }
}
