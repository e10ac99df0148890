package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// Calls of a grpc-go client on one connection, at a pace.
func grpcClient(args []string) {
	flags := flag.NewFlagSet("grpc-client", flag.ExitOnError)
	target := flags.String("target", "", "HOST:PORT")
	method := flags.String("method", "Echo", "of test.Octets: Echo, Split, Talk or Wait")
	calls := flags.Int("calls", 100, "how many calls")
	perSecond := flags.Int("calls-per-second", 1000, "and how many a second")
	size := flags.Int("size", 100, "bytes of a message")
	messages := flags.Int("messages", 10, "messages of a Talk")
	every := flags.Duration("every", 0, "time between two messages of a Talk")
	within := flags.Duration("within", time.Minute, "the deadline of a call")
	secure := flags.Bool("tls", false, "over TLS, any certificate is good")
	must(flags.Parse(args))

	how := grpc.WithInsecure()
	if *secure {
		how = grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}))
	}
	conn, err := grpc.Dial(*target, how, grpc.WithBlock(), grpc.WithTimeout(10*time.Second))
	must(err)
	message := make([]byte, *size)
	tally := newTally()
	tally.paced(*calls, *perSecond, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), *within)
		defer cancel()
		path := "/test.Octets/" + *method
		if *method == "Echo" {
			var answer []byte
			err := conn.Invoke(ctx, path, &message, &answer)
			tally.read(len(answer))
			return err
		}
		desc := &grpc.StreamDesc{StreamName: *method, ServerStreams: true, ClientStreams: true}
		stream, err := conn.NewStream(ctx, desc, path)
		if err != nil {
			return err
		}
		if *method != "Talk" {
			if err := stream.SendMsg(&message); err != nil {
				return err
			}
			if err := stream.CloseSend(); err != nil {
				return err
			}
		}
		for i := 0; *method != "Talk" || i < *messages; i++ {
			if *method == "Talk" {
				if i > 0 {
					time.Sleep(*every)
				}
				if err := stream.SendMsg(&message); err != nil {
					return err
				}
			}
			var answer []byte
			err := stream.RecvMsg(&answer)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			tally.read(len(answer))
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		var extra []byte
		if err := stream.RecvMsg(&extra); err != io.EOF {
			return fmt.Errorf("behind the last message: %v", err)
		}
		return nil
	})
	tally.print()
}
