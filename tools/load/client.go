//go:build linux

package main

import (
	"bytes"
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

const (
	bufferBytes = 256 * 1024
	epollPwait2 = 441
	timerSlack  = 29 // PR_SET_TIMERSLACK
)

type conn struct {
	fd   int
	busy bool
	// What of the request is not sent yet, and when it was to be sent.
	rest []byte
	due  int64
	// The answer so far.
	text   []byte
	filled int
}

type client struct {
	settings *settings
	epoll    int
	conns    []conn
	// Connections without a request, longest idle first: a ring.
	idle      []int
	idleFirst int
	idleCount int

	started  time.Time
	stopAt   int64
	sent     uint64
	inFlight int

	times      histogram
	elapsed    int64
	statuses   [1000]uint64
	unexpected uint64
	bytes      uint64
	opened     uint64
	errors     uint64
	unsent     uint64
}

func newClient(settings *settings) (*client, error) {
	epoll, err := syscall.EpollCreate1(0)
	if err != nil {
		return nil, err
	}
	// Waits end when they should, not up to 50 µs later.
	syscall.RawSyscall(syscall.SYS_PRCTL, timerSlack, 1, 0)
	c := &client{settings: settings, epoll: epoll, conns: make([]conn, settings.conns), idle: make([]int, settings.conns)}
	for i := range c.conns {
		c.conns[i].text = make([]byte, bufferBytes)
		if err := c.open(i); err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		c.release(i)
	}
	return c, nil
}

func (c *client) now() int64 { return int64(time.Since(c.started)) }

func (c *client) open(i int) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err = syscall.Connect(fd, &c.settings.address); err == nil {
		err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err == nil {
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}
		err = syscall.EpollCtl(c.epoll, syscall.EPOLL_CTL_ADD, fd, &event)
	}
	if err != nil {
		syscall.Close(fd)
		return err
	}
	c.conns[i].fd, c.conns[i].filled, c.conns[i].rest = fd, 0, nil
	c.opened++
	return nil
}

// release puts a connection back among those that can send.
func (c *client) release(i int) {
	c.conns[i].busy = false
	c.idle[(c.idleFirst+c.idleCount)%len(c.idle)] = i
	c.idleCount++
}

func (c *client) run() error {
	c.started = time.Now()
	c.stopAt = int64(c.settings.duration)
	events := make([]syscall.EpollEvent, len(c.conns))
	allSentAt := int64(-1)
	for {
		now := c.now()
		wait := c.sendDue(now)
		if wait < 0 && c.inFlight == 0 {
			break
		}
		if wait < 0 {
			if allSentAt < 0 {
				allSentAt = now
			}
			if wait = allSentAt + int64(c.settings.wait) - now; wait <= 0 {
				// What is not answered by now never will be.
				c.errors += uint64(c.inFlight)
				break
			}
		}
		count, err := c.poll(events, wait)
		if err != nil {
			return err
		}
		for _, event := range events[:count] {
			if err := c.serve(int(event.Fd), event.Events); err != nil {
				return err
			}
		}
	}
	c.elapsed = c.now()
	return nil
}

// due is when the next request should be sent; false when there is none left.
func (c *client) due(now int64) (int64, bool) {
	if c.settings.count > 0 && c.sent >= c.settings.count {
		return 0, false
	}
	if c.settings.rate > 0 {
		at := int64(float64(c.sent) * 1e9 / c.settings.rate)
		return at, at < c.stopAt
	}
	return now, c.stopAt == 0 || now < c.stopAt
}

// sendDue sends what should be on its way by now. It tells how long to wait at most; below 0: nothing will be sent.
func (c *client) sendDue(now int64) int64 {
	for {
		at, more := c.due(now)
		if !more {
			return -1
		}
		if c.stopAt > 0 && now > 2*c.stopAt {
			// A server this slow never catches up with the rate.
			c.unsent = uint64(c.settings.rate*c.settings.duration.Seconds()) - c.sent
			c.settings.count = c.sent
			return -1
		}
		if at > now {
			return at - now
		}
		if c.idleCount == 0 {
			return int64(time.Second)
		}
		i := c.idle[c.idleFirst]
		c.idleFirst = (c.idleFirst + 1) % len(c.idle)
		c.idleCount--
		c.send(i, at)
	}
}

func (c *client) send(i int, due int64) {
	conn := &c.conns[i]
	conn.busy, conn.due = true, due
	conn.rest = c.settings.requests[c.sent%uint64(len(c.settings.requests))]
	c.sent++
	c.inFlight++
	c.write(i)
}

func (c *client) write(i int) {
	conn := &c.conns[i]
	for len(conn.rest) > 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(conn.fd), uintptr(unsafe.Pointer(&conn.rest[0])), uintptr(len(conn.rest)))
		if errno == syscall.EINTR {
			continue
		}
		if errno == syscall.EAGAIN {
			c.watch(i, syscall.EPOLLIN|syscall.EPOLLOUT)
			return
		}
		if errno != 0 {
			// The reading side learns of it and opens the connection again.
			conn.rest = nil
			return
		}
		conn.rest = conn.rest[n:]
	}
}

func (c *client) watch(i int, events uint32) {
	event := syscall.EpollEvent{Events: events, Fd: int32(i)}
	_ = syscall.EpollCtl(c.epoll, syscall.EPOLL_CTL_MOD, c.conns[i].fd, &event)
}

func (c *client) poll(events []syscall.EpollEvent, wait int64) (int, error) {
	timeout := syscall.NsecToTimespec(wait)
	n, _, errno := syscall.RawSyscall6(epollPwait2, uintptr(c.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case syscall.EINTR:
		return 0, nil
	case syscall.ENOSYS:
		// Linux before 5.11 counts in milliseconds.
		return syscall.EpollWait(c.epoll, events, int((wait+999_999)/1_000_000))
	}
	return 0, errno
}

func (c *client) serve(i int, events uint32) error {
	conn := &c.conns[i]
	if events&syscall.EPOLLOUT != 0 && len(conn.rest) > 0 {
		c.write(i)
		if len(conn.rest) == 0 {
			c.watch(i, syscall.EPOLLIN)
		}
	}
	if events&^syscall.EPOLLOUT == 0 {
		return nil
	}
	if conn.filled == len(conn.text) {
		return errTooLarge
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(conn.fd), uintptr(unsafe.Pointer(&conn.text[conn.filled])), uintptr(len(conn.text)-conn.filled))
	if errno == syscall.EAGAIN || errno == syscall.EINTR {
		return nil
	}
	ended := errno != 0 || n == 0
	if !ended {
		conn.filled += int(n)
		c.bytes += uint64(n)
	}
	if !conn.busy {
		// An answer to nothing, or an idle connection that the server has closed.
		return c.reopen(i)
	}
	found, err := parseAnswer(conn.text[:conn.filled], ended)
	if err != nil {
		return err
	}
	if found.length == 0 {
		if !ended {
			return nil
		}
		c.errors++
		c.inFlight--
		if err := c.reopen(i); err != nil {
			return err
		}
		c.release(i)
		return nil
	}
	return c.note(i, found, ended)
}

func (c *client) note(i int, found answer, ended bool) error {
	conn := &c.conns[i]
	c.inFlight--
	c.times.add(c.now() - conn.due)
	c.statuses[found.status]++
	wrong := c.settings.expect > 0 && found.status != c.settings.expect
	if wrong || !bytes.Contains(found.body, c.settings.contains) {
		c.unexpected++
	}
	conn.filled = 0
	if found.close || ended {
		if err := c.reopen(i); err != nil {
			return err
		}
	}
	c.release(i)
	return nil
}

func (c *client) reopen(i int) error {
	syscall.Close(c.conns[i].fd)
	if err := c.open(i); err != nil {
		return fmt.Errorf("connect again: %w", err)
	}
	return nil
}
