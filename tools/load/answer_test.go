package main

import "testing"

func TestParseAnswer(t *testing.T) {
	rows := []struct {
		name, text     string
		ended          bool
		status, length int
		body           string
		close          bool
		fails          bool
	}{
		{name: "nothing yet", text: "HTTP/1.1 200 OK\r\nContent-Le"},
		{name: "no body yet", text: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", status: 200},
		{name: "by length", text: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabHTTP", status: 200, length: 40, body: "ab"},
		{name: "refused and closed", text: "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status: 403, length: 64, close: true},
		{name: "chunked", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nHTTP", status: 200, length: 59, body: "2\r\nab\r\n0\r\n\r\n"},
		{name: "half a chunk", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
		{name: "after 100", text: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", status: 204, length: 52},
		{name: "to the end", text: "HTTP/1.1 200 OK\r\n\r\nabc", ended: true, status: 200, length: 22, body: "abc", close: true},
		{name: "something else", text: "SSH-2.0-OpenSSH_9.2 hello\r\n\r\n", fails: true},
	}
	for _, row := range rows {
		found, err := parseAnswer([]byte(row.text), row.ended)
		if (err != nil) != row.fails {
			t.Errorf("%s: %v", row.name, err)
		}
		if found.length != row.length || (row.length > 0 && found.status != row.status) ||
			string(found.body) != row.body || found.close != row.close {
			t.Errorf("%s: %+v", row.name, found)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := int64(1); i <= 1000; i++ {
		h.add(i * 1000)
	}
	for share, want := range map[float64]float64{0.5: 0.5, 0.9: 0.9, 0.99: 0.99} {
		if got := h.milliseconds(share); got < want*0.99 || got > want*1.01 {
			t.Errorf("%v: %v", share, got)
		}
	}
}
