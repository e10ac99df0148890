package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http2"
)

// An HTTP/2 server of Go's own kind, in clear text with prior knowledge, or over TLS. It reads a request's body in
// pieces and answers with the number of bytes. Fields of a request may override the flags: x-read, x-pause, x-delay, x-size.
func h2Server(args []string) {
	flags := flag.NewFlagSet("h2-server", flag.ExitOnError)
	address := flags.String("listen", "127.0.0.1:0", "where to listen")
	read := flags.Int("read", 512, "bytes read of a body at a time")
	pause := flags.Duration("pause", 0, "time between two reads of a body: a slow reader")
	wait := flags.Duration("wait", 0, "time before the first read of a body")
	delay := flags.Duration("delay", 0, "time between the end of the request and its answer")
	early := flags.Bool("early", false, "answer without reading the body")
	size := flags.Int("size", 0, "bytes of the answer's body; 0: it tells the number of bytes read")
	window := flags.Int("window", 1<<20, "bytes of window that a connection and a stream get")
	cert := flags.String("cert", "", "certificate, for TLS")
	key := flags.String("key", "", "its key")
	must(flags.Parse(args))

	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var count int64
		if !*early {
			time.Sleep(*wait)
			piece := make([]byte, number(r, "x-read", *read))
			for {
				n, err := r.Body.Read(piece)
				count += int64(n)
				if err == io.EOF {
					break
				}
				if err != nil {
					return
				}
				time.Sleep(duration(r, "x-pause", *pause))
			}
		}
		time.Sleep(duration(r, "x-delay", *delay))
		if bytes := number(r, "x-size", *size); bytes > 0 {
			w.Header().Set("content-length", strconv.Itoa(bytes))
			piece := make([]byte, 32*1024)
			for ; bytes > 0; bytes -= len(piece) {
				if bytes < len(piece) {
					piece = piece[:bytes]
				}
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
			return
		}
		fmt.Fprintf(w, "%d\n", count)
	})

	server := &http2.Server{
		MaxConcurrentStreams:         10000,
		MaxUploadBufferPerConnection: int32(*window),
		MaxUploadBufferPerStream:     int32(*window),
	}
	options := &http2.ServeConnOpts{Handler: handler, BaseConfig: &http.Server{}}
	listener := listen(*address)
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		must(err)
		listener = tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{pair},
			NextProtos:   []string{"h2"},
		})
	}
	for {
		conn, err := listener.Accept()
		must(err)
		go func(conn net.Conn) {
			if secured, ok := conn.(*tls.Conn); ok && secured.Handshake() != nil {
				conn.Close()
				return
			}
			server.ServeConn(conn, options)
		}(conn)
	}
}

func number(r *http.Request, name string, otherwise int) int {
	if value, err := strconv.Atoi(r.Header.Get(name)); err == nil {
		return value
	}
	return otherwise
}

func duration(r *http.Request, name string, otherwise time.Duration) time.Duration {
	if value, err := time.ParseDuration(r.Header.Get(name)); err == nil {
		return value
	}
	return otherwise
}
