package main

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto"
)

// Messages are bytes: no service here needs a description of its own, nor protoc. It takes the place of the protocol
// buffers' codec, so that content-type is application/grpc. Messages of other services are left to that.
type octets struct{ standard encoding.Codec }

func (octets) Name() string { return "proto" }

func (o octets) Marshal(v interface{}) ([]byte, error) {
	if message, ok := v.(*[]byte); ok {
		return *message, nil
	}
	return o.standard.Marshal(v)
}

func (o octets) Unmarshal(data []byte, v interface{}) error {
	message, ok := v.(*[]byte)
	if !ok {
		return o.standard.Unmarshal(data, v)
	}
	*message = append([]byte(nil), data...)
	return nil
}

func init() { encoding.RegisterCodec(octets{encoding.GetCodec("proto")}) }
