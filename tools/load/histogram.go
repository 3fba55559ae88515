package main

import "math/bits"

// Buckets of 128 to each power of two: no value is off by more than 1 %.
const steps = 128

type histogram struct {
	buckets [64 * steps]uint64
	total   uint64
	max     int64
}

func (h *histogram) add(nanoseconds int64) {
	if nanoseconds < 0 {
		nanoseconds = 0
	}
	shift := max(0, bits.Len64(uint64(nanoseconds))-8)
	h.buckets[shift*steps+int(nanoseconds>>shift)]++
	h.total++
	h.max = max(h.max, nanoseconds)
}

// milliseconds that this share of the values does not exceed.
func (h *histogram) milliseconds(share float64) float64 {
	rank := uint64(share * float64(h.total))
	var seen uint64
	for i, count := range h.buckets {
		seen += count
		if seen > rank {
			shift := max(0, i/steps-1)
			return float64((int64(i-shift*steps)<<shift)+(int64(1)<<shift)/2) / 1e6
		}
	}
	return float64(h.max) / 1e6
}
