package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"flag"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
)

// Of the methods.
type behaviour struct {
	delay    time.Duration
	messages int
	every    time.Duration
	size     int
}

// A grpc-go server. test.Octets/Echo answers after a delay with what it was sent; /Split answers with a number of
// messages; /Talk answers each message with the same; /Wait answers when the client has given up. Beside it is
// grpc-go's own health service; a line `SERVICE STATUS` on its standard input sets a status.
func grpcServer(args []string) {
	flags := flag.NewFlagSet("grpc-server", flag.ExitOnError)
	address := flags.String("listen", "127.0.0.1:0", "where to listen")
	b := &behaviour{}
	flags.DurationVar(&b.delay, "delay", 0, "time until Echo and the first message of Split")
	flags.IntVar(&b.messages, "messages", 10, "messages of Split")
	flags.DurationVar(&b.every, "every", 0, "time between two messages of Split")
	flags.IntVar(&b.size, "size", 100, "bytes of a message of Split")
	minTime := flags.Duration("min-time", 5*time.Minute, "the least time between two PINGs of a client (grpc-go's default)")
	pingIdle := flags.Bool("ping-idle", false, "allow PING without a stream (grpc-go's default: no)")
	cert := flags.String("cert", "", "certificate, for TLS")
	key := flags.String("key", "", "its key")
	must(flags.Parse(args))

	options := []grpc.ServerOption{grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
		MinTime:             *minTime,
		PermitWithoutStream: *pingIdle,
	})}
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		must(err)
		options = append(options, grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	}
	server := grpc.NewServer(options...)
	stream := func(name string, do func(grpc.ServerStream) error) grpc.StreamDesc {
		return grpc.StreamDesc{StreamName: name, ServerStreams: true, ClientStreams: true,
			Handler: func(_ interface{}, s grpc.ServerStream) error { return do(s) }}
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Octets",
		HandlerType: (*interface{})(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: b.echo}},
		Streams:     []grpc.StreamDesc{stream("Split", b.split), stream("Talk", talk), stream("Wait", wait)},
	}, b)
	checked := health.NewServer()
	healthpb.RegisterHealthServer(server, checked)
	go setStatuses(checked)
	must(server.Serve(listen(*address)))
}

func setStatuses(server *health.Server) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		status := healthpb.HealthCheckResponse_ServingStatus_value[words[1]]
		server.SetServingStatus(words[0], healthpb.HealthCheckResponse_ServingStatus(status))
	}
}

func (b *behaviour) echo(_ interface{}, ctx context.Context, decode func(interface{}) error,
	_ grpc.UnaryServerInterceptor) (interface{}, error) {
	var message []byte
	if err := decode(&message); err != nil {
		return nil, err
	}
	select {
	case <-time.After(b.delay):
		return &message, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *behaviour) split(stream grpc.ServerStream) error {
	var asked []byte
	if err := stream.RecvMsg(&asked); err != nil {
		return err
	}
	time.Sleep(b.delay)
	message := make([]byte, b.size)
	for i := 0; i < b.messages; i++ {
		if i > 0 {
			time.Sleep(b.every)
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
	return nil
}

func talk(stream grpc.ServerStream) error {
	for {
		var message []byte
		err := stream.RecvMsg(&message)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

func wait(stream grpc.ServerStream) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}
