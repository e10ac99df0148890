package main

import (
	"bytes"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"

	"golang.org/x/net/http2"
)

// Requests of Go's HTTP/2 client on one connection, in clear text with prior knowledge.
func h2Client(args []string) {
	flags := flag.NewFlagSet("h2-client", flag.ExitOnError)
	url := flags.String("url", "", "what is asked for: http://HOST:PORT/PATH")
	requests := flags.Int("requests", 100, "how many")
	atOnce := flags.Int("at-once", 4, "how many at once")
	body := flags.Int("body", 1<<20, "bytes of each request's body; 0: GET")
	read := flags.Int("read", 32*1024, "bytes read of an answer at a time")
	must(flags.Parse(args))

	client := &http.Client{Transport: &http2.Transport{
		AllowHTTP: true,
		DialTLS: func(network, address string, _ *tls.Config) (net.Conn, error) {
			return net.Dial(network, address)
		},
	}}
	content := make([]byte, *body)
	tally := newTally()
	tally.each(*requests, *atOnce, func() error {
		method := "GET"
		var reader io.Reader
		if *body > 0 {
			method, reader = "POST", bytes.NewReader(content)
		}
		request, err := http.NewRequest(method, *url, reader)
		must(err)
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		piece := make([]byte, *read)
		for {
			n, err := response.Body.Read(piece)
			tally.read(n)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		if response.StatusCode != 200 {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		return nil
	})
	tally.print()
}
