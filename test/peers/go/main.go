// Peers of Fermata's tests that speak HTTP/2 and gRPC as Go does: one program, a subcommand for each peer.
//
//	peers h2-server | h2-client | grpc-server | grpc-client [flags]
//
// A server prints `listening on HOST:PORT` and serves until it is killed. A client prints one line of JSON and ends.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	peers := map[string]func([]string){
		"h2-server":   h2Server,
		"h2-client":   h2Client,
		"grpc-server": grpcServer,
		"grpc-client": grpcClient,
	}
	if len(os.Args) < 2 || peers[os.Args[1]] == nil {
		fail("usage: peers h2-server | h2-client | grpc-server | grpc-client [flags]")
	}
	peers[os.Args[1]](os.Args[2:])
}

func fail(reason string) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(2)
}

func must(err error) {
	if err != nil {
		fail(err.Error())
	}
}

// Listens, and says where.
func listen(address string) net.Listener {
	listener, err := net.Listen("tcp", address)
	must(err)
	fmt.Printf("listening on %s\n", listener.Addr())
	return listener
}
