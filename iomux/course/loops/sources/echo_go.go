// Echo in Go: straight-line code in a goroutine for each client; the runtime's network poller parks and wakes them.
//
// usage: echo_go PORT        listens on 127.0.0.1; serves until killed.
//
// Read and Write look as if they blocked. The socket is nonblocking: at EAGAIN the goroutine is parked, and the thread
// runs another one or waits in epoll (runtime/netpoll_epoll.go).
package main

import (
	"log"
	"net"
	"os"
	"time"
)

func echo(client net.Conn) {
	defer client.Close()
	buffer := make([]byte, 64*1024)
	for {
		size, err := client.Read(buffer)
		if err != nil { // the end of the stream, or a reset
			return
		}
		if _, err := client.Write(buffer[:size]); err != nil {
			return
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil { // out of descriptors: it would fail at once again
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go echo(client)
	}
}
