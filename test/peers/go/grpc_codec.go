package main

import (
	"fmt"

	"google.golang.org/grpc/encoding"
)

// Messages are bytes: no service here needs a description of its own, nor protoc. It takes the place of the protocol
// buffers' codec, so that content-type is application/grpc.
type octets struct{}

func (octets) Name() string { return "proto" }

func (octets) Marshal(v interface{}) ([]byte, error) {
	if message, ok := v.(*[]byte); ok {
		return *message, nil
	}
	return nil, fmt.Errorf("%T is no message", v)
}

func (octets) Unmarshal(data []byte, v interface{}) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is no message", v)
	}
	*message = append([]byte(nil), data...)
	return nil
}

func init() { encoding.RegisterCodec(octets{}) }
