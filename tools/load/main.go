//go:build linux

// load sends HTTP/1.1 requests over kept-alive connections and prints one line of JSON about the answers.
//
// It is one thread around epoll: what it costs itself must stay far below what it measures.
package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
)

type settings struct {
	address  syscall.SockaddrInet4
	requests [][]byte
	conns    int
	duration time.Duration
	count    uint64
	rate     float64
	expect   int
	contains []byte
	wait     time.Duration
}

func main() {
	settings, err := readSettings()
	if err == nil {
		err = run(settings)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
}

func readSettings() (*settings, error) {
	url := flag.String("url", "", "host:port of the server, an IPv4 address")
	conns := flag.Int("conns", 32, "connections")
	duration := flag.Duration("duration", 0, "how long requests are sent; 0: until -count")
	count := flag.Uint64("count", 0, "how many requests are sent at most; 0: until -duration")
	rate := flag.Float64("rate", 0, "requests a second, timed from when each should have been sent; 0: one after the other on each connection")
	file := flag.String("requests", "", "file of raw requests, each after its length (4 bytes, big endian); they are sent in turn, over and over")
	first := flag.Int("first", 0, "the request to start with")
	expect := flag.Int("expect", 0, "any other status is unexpected; 0: none is")
	contains := flag.String("contains", "", "an answer whose body lacks this is unexpected")
	wait := flag.Duration("wait", 5*time.Second, "how long an answer may take at the end")
	flag.Parse()
	if *conns < 1 || *rate < 0 || (*duration <= 0 && *count == 0) || flag.NArg() > 0 {
		return nil, errors.New("need -conns above 0, -rate from 0, and -duration or -count")
	}
	if *rate > 0 && *duration <= 0 {
		return nil, errors.New("-rate needs -duration")
	}
	address, err := parseAddress(*url)
	if err != nil {
		return nil, err
	}
	requests, err := readRequests(*file)
	if err != nil {
		return nil, err
	}
	if *first < 0 || *first >= len(requests) {
		return nil, errors.New("-first is beyond the last request")
	}
	requests = append(requests[*first:len(requests):len(requests)], requests[:*first]...)
	return &settings{address, requests, *conns, *duration, *count, *rate, *expect, []byte(*contains), *wait}, nil
}

func parseAddress(text string) (address syscall.SockaddrInet4, err error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return address, err
	}
	ip := net.ParseIP(host).To4()
	if ip == nil {
		return address, fmt.Errorf("%q is not an IPv4 address", host)
	}
	copy(address.Addr[:], ip)
	address.Port, err = strconv.Atoi(port)
	return address, err
}

// The file is mapped, not read: hundreds of thousands of requests are half a gigabyte.
func readRequests(name string) ([][]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	text, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
	if err != nil {
		return nil, err
	}
	var requests [][]byte
	for len(text) > 0 {
		if len(text) < 4 || uint64(len(text)) < 4+uint64(binary.BigEndian.Uint32(text)) {
			return nil, fmt.Errorf("%s ends inside request %d", name, len(requests))
		}
		end := 4 + binary.BigEndian.Uint32(text)
		requests = append(requests, text[4:end])
		text = text[end:]
	}
	return requests, nil
}

func run(settings *settings) error {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	// Nothing is allocated while requests are on their way.
	debug.SetGCPercent(-1)
	client, err := newClient(settings)
	if err != nil {
		return err
	}
	if err := client.run(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(client.report())
}
