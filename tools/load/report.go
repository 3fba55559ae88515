//go:build linux

package main

import (
	"strconv"
	"syscall"
)

// report is what is printed: times in milliseconds, microseconds where the name says so.
type report struct {
	Sent       uint64            `json:"sent"`
	Answered   uint64            `json:"answered"`
	Statuses   map[string]uint64 `json:"statuses"`
	Unexpected uint64            `json:"unexpected"`
	RPS        float64           `json:"rps"`
	P50        float64           `json:"p50"`
	P90        float64           `json:"p90"`
	P99        float64           `json:"p99"`
	Max        float64           `json:"max"`
	Bytes      uint64            `json:"bytes"`
	Opened     uint64            `json:"opened"`
	Errors     uint64            `json:"errors"`
	// Due, but never sent: the server was too slow for the rate.
	Unsent uint64 `json:"unsent"`
	// CPU time of this process.
	CPU float64 `json:"cpuUs"`
}

func (c *client) report() report {
	statuses := map[string]uint64{}
	for status, count := range c.statuses {
		if count > 0 {
			statuses[strconv.Itoa(status)] = count
		}
	}
	rps := float64(c.times.total) / (float64(c.elapsed) / 1e9)
	ms := c.times.milliseconds
	return report{c.sent, c.times.total, statuses, c.unexpected, rps, ms(0.5), ms(0.9), ms(0.99), float64(c.times.max) / 1e6, c.bytes, c.opened, c.errors, c.unsent, cpuTime()}
}

func cpuTime() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1000
}
