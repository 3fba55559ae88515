package main

import (
	"bytes"
	"errors"
)

var (
	errMalformed = errors.New("not an HTTP/1.1 answer")
	errTooLarge  = errors.New("an answer larger than the buffer")
)

type answer struct {
	status int
	// Bytes of head and body; 0 while the answer is not complete.
	length int
	body   []byte
	close  bool
}

var (
	headEnd          = []byte("\r\n\r\n")
	lineEnd          = []byte("\r\n")
	contentLength    = []byte("content-length")
	transferEncoding = []byte("transfer-encoding")
	connection       = []byte("connection")
)

// parseAnswer looks for one whole answer at the start of the text.
func parseAnswer(text []byte, ended bool) (answer, error) {
	end := bytes.Index(text, headEnd)
	if end < 0 {
		return answer{}, nil
	}
	if end < 12 || text[0] != 'H' || text[8] != ' ' {
		return answer{}, errMalformed
	}
	status := int(text[9]-'0')*100 + int(text[10]-'0')*10 + int(text[11]-'0')
	if status < 100 || status > 999 {
		return answer{}, errMalformed
	}
	body := end + len(headEnd)
	if status < 200 {
		after, err := parseAnswer(text[body:], ended)
		if after.length > 0 {
			after.length += body
		}
		return after, err
	}
	found := answer{status: status}
	length, chunked := -1, false
	for head := text[:end]; ; {
		at := bytes.Index(head, lineEnd)
		if at < 0 {
			break
		}
		head = head[at+2:]
		switch head[0] | 0x20 {
		case 'c':
			if value, ok := valueOf(head, contentLength); ok {
				length = number(value, 10)
			} else if value, ok := valueOf(head, connection); ok {
				found.close = bytes.EqualFold(value, []byte("close"))
			}
		case 't':
			if value, ok := valueOf(head, transferEncoding); ok {
				chunked = bytes.EqualFold(value, []byte("chunked"))
			}
		}
	}
	switch {
	case status == 204 || status == 304:
		found.length = body
	case chunked:
		size, err := chunkedLength(text[body:])
		if err != nil || size == 0 {
			return answer{}, err
		}
		found.length = body + size
	case length >= 0:
		if len(text) >= body+length {
			found.length = body + length
		}
	case ended:
		found.length, found.close = len(text), true
	}
	if found.length > 0 {
		found.body = text[body:found.length]
	}
	return found, nil
}

// valueOf is the value of the header line that the text starts with, where it has that name.
func valueOf(head, name []byte) ([]byte, bool) {
	if len(head) <= len(name) || head[len(name)] != ':' || !bytes.EqualFold(head[:len(name)], name) {
		return nil, false
	}
	value := head[len(name)+1:]
	if at := bytes.Index(value, lineEnd); at >= 0 {
		value = value[:at]
	}
	return bytes.TrimSpace(value), true
}

// number is -1 for what is none.
func number(text []byte, base int) int {
	if len(text) == 0 || len(text) > 9 {
		return -1
	}
	value := 0
	for _, c := range text {
		digit := 99
		switch {
		case c >= '0' && c <= '9':
			digit = int(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			digit = int(c|0x20-'a') + 10
		}
		if digit >= base {
			return -1
		}
		value = value*base + digit
	}
	return value
}

// chunkedLength is how long a chunked body is, 0 while its end is not there. No trailers.
func chunkedLength(text []byte) (int, error) {
	at := 0
	for {
		line := bytes.Index(text[at:], lineEnd)
		if line < 0 {
			return 0, nil
		}
		digits := text[at : at+line]
		if extension := bytes.IndexByte(digits, ';'); extension >= 0 {
			digits = digits[:extension]
		}
		size := number(bytes.TrimSpace(digits), 16)
		if size < 0 {
			return 0, errMalformed
		}
		at += line + 2 + size + 2
		if at > len(text) {
			return 0, nil
		}
		if size == 0 {
			return at, nil
		}
	}
}
