package keyward

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const prefix = "keyward-clock-floor.1."

var kept = regexp.MustCompile(`^(\+?[0-9]+)\.(\+?[0-9]+)?$`)

// ClockFloor says how late it is at least, by what was signed and by how long the application was used, so that a clock that was set back is
// noticed. It is kept as a text from start to start. It jumps to signed times only; otherwise it goes on as time passes. It is not safe for
// use by several goroutines.
type ClockFloor struct {
	at   int64
	seen *int64
	// Tolerance is how far the clock may be behind, and by how much it may jump ahead and be believed.
	Tolerance time.Duration
}

// NewClockFloor is a floor of which no more is known than when the program was built.
func NewClockFloor(built time.Time) *ClockFloor {
	floor := &ClockFloor{Tolerance: day * time.Second}
	floor.raise(built.Unix())
	return floor
}

// OpenClockFloor reads the text that Seal has made with this key.
func OpenClockFloor(text string, key []byte, built time.Time) (*ClockFloor, error) {
	errText := refusal("malformed", "the text is not the state of a clock floor")
	trimmed := strings.TrimRight(text, " \t\n\f\r")
	dot := strings.LastIndexByte(trimmed, '.')
	if dot < 0 || !strings.HasPrefix(trimmed[:dot], prefix) {
		return nil, errText
	}
	state := trimmed[:dot]
	code, ok := decode(trimmed[dot+1:])
	if !ok || len(code) != sha256.Size {
		return nil, errText
	}
	if !hmac.Equal(code, mac(state, key)) {
		return nil, refusal("altered", "the state of the clock floor was changed, or made with another key")
	}
	numbers := kept.FindStringSubmatch(strings.TrimPrefix(state, prefix))
	if numbers == nil {
		return nil, errText
	}
	floor := NewClockFloor(built)
	for place, number := range numbers[1:] {
		at, err := strconv.ParseInt(number, 10, 64)
		if number == "" && place == 1 {
			continue
		}
		if err != nil || at > last {
			return nil, errText
		}
		if place == 0 {
			floor.raise(at)
		} else {
			floor.seen = &at
		}
	}
	return floor, nil
}

// Seal gives the state as one line. A key that differs from machine to machine ties the text to the machine.
func (f *ClockFloor) Seal(key []byte) string {
	state := prefix + strconv.FormatInt(f.at, 10) + "."
	if f.seen != nil {
		state += strconv.FormatInt(*f.seen, 10)
	}
	return fmt.Sprintf("%s.%s", state, encode(mac(state, key)))
}

// SawSigned raises the floor to a time that was signed and verified: of a list, or of an answer. Never the machine's clock.
func (f *ClockFloor) SawSigned(signed time.Time) { f.raise(signed.Unix()) }

// SawLicense raises the floor to when a license was issued.
func (f *ClockFloor) SawLicense(license *License) {
	if issued := license.IssuedAt(); !issued.IsZero() {
		f.raise(issued.Unix())
	}
}

// Observe looks at the machine's clock. ran is how long ago it was last called, by time.Since; zero for the first call of a process. It gives
// by how many seconds the clock was set back beyond the tolerance; 0 for a plausible clock.
func (f *ClockFloor) Observe(now time.Time, ran time.Duration) int64 {
	at, before, tolerance := now.Unix(), f.at, int64(f.Tolerance/time.Second)
	if at < 0 {
		at = 0
	}
	if at > last {
		at = last
	}
	f.raise(before + int64(ran/time.Second))
	gone := int64(0)
	if f.seen != nil && at > *f.seen {
		gone = at - *f.seen
	}
	if gone <= tolerance {
		if before+gone < at {
			f.raise(before + gone)
		} else {
			f.raise(at)
		}
	}
	f.seen = &at
	if behind := f.at - at; behind > tolerance {
		return behind
	}
	return 0
}

// At is how late it is at least.
func (f *ClockFloor) At() time.Time { return timeOf(&f.at) }

// AtLeast is the machine's clock, or the floor if that is later.
func (f *ClockFloor) AtLeast(now time.Time) time.Time {
	if now.Unix() < f.at {
		return f.At()
	}
	return now
}

func (f *ClockFloor) raise(to int64) {
	if to > last {
		to = last
	}
	if to > f.at {
		f.at = to
	}
}

func mac(state string, key []byte) []byte {
	code := hmac.New(sha256.New, key)
	code.Write([]byte(state))
	return code.Sum(nil)
}
