package keyward

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"time"
)

// StatusList is a verified status list: only StatusListVerifier makes one.
type StatusList struct {
	uri     string
	issued  int64
	expires *int64
	ttl     *uint64
	bits    uint64
	table   []byte
}

// URI is the list's address, which its licenses name.
func (l *StatusList) URI() string { return l.uri }

// IssuedAt is when the list was issued. Keep the latest one seen, and give it to NotOlderThan.
func (l *StatusList) IssuedAt() time.Time { return timeOf(&l.issued) }

// ExpiresAt is when the list counts no longer; zero if it has no end.
func (l *StatusList) ExpiresAt() time.Time { return timeOf(l.expires) }

// IsStale says whether a newer list should be fetched. A stale list is still valid.
func (l *StatusList) IsStale(now time.Time) bool {
	age := now.Unix() - l.issued
	return l.ttl != nil && age >= 0 && uint64(age) >= *l.ttl
}

// Len is how many entries there are.
func (l *StatusList) Len() uint64 { return uint64(len(l.table)) * 8 / l.bits }

// Status gives 0 for valid, 1 for revoked, 2 for suspended; whatever else is not to be accepted.
func (l *StatusList) Status(index uint64) (byte, error) {
	if index >= l.Len() {
		return 0, refusal("status_out_of_range", "the status list has no such index")
	}
	bit := index * l.bits
	return l.table[bit/8] >> (bit % 8) & byte(1<<l.bits-1), nil
}

// Check refuses a license unless this list says that it is valid.
func (l *StatusList) Check(license *License, now time.Time) error {
	place := license.status
	if place == nil {
		return refusal("no_status", "the license refers to no status list")
	}
	if place.URI != l.uri {
		return refusal("other_status_list", "the license refers to another status list, "+place.URI)
	}
	if reached(l.expires, now.Unix()) {
		return refusal("expired", "the status list is refused: it has expired")
	}
	value, err := l.Status(place.Index)
	switch {
	case err != nil:
		return err
	case value == 0:
		return nil
	case value == 2:
		return refusal("suspended", "the license is suspended")
	}
	return refusal("revoked", "the license is revoked")
}

// StatusListVerifier checks signed status lists.
type StatusListVerifier struct {
	Keys *Keyring
	// URI, if not empty, is the address that the list must be of.
	URI string
	// NotOlderThan refuses a list that was issued before.
	NotOlderThan time.Time
	// MaxTokenBytes and MaxListBytes bound the signed list and what is in it; 4 MiB unless set.
	MaxTokenBytes, MaxListBytes int
}

func orMost(bytes int) int {
	if bytes == 0 {
		return 4 << 20
	}
	return bytes
}

// Verify gives a list that counts at an instant.
func (v StatusListVerifier) Verify(token string, now time.Time) (*StatusList, error) {
	if most := orMost(v.MaxTokenBytes); len(token) > most {
		return nil, refusal("too_large", fmt.Sprintf("the list is longer than %d bytes", most))
	}
	_, payload, err := openJWT(token, "statuslist+jwt", v.Keys)
	if err != nil {
		return nil, err
	}
	claims, err := readObject(payload, mostDepth)
	if err != nil {
		return nil, malformed("payload")
	}
	if !claims.member("sub").is('"') {
		return nil, invalidClaim("sub")
	}
	list := &StatusList{uri: claims.member("sub").text}
	times := map[string]*int64{}
	for _, name := range []string{"iat", "nbf", "exp"} {
		number, ok := claims.member(name).integer()
		if claims.member(name) == nil && name != "iat" {
			continue
		}
		if !ok || number > last {
			return nil, invalidClaim(name)
		}
		at := int64(number)
		times[name] = &at
	}
	list.issued, list.expires = *times["iat"], times["exp"]
	if ttl := claims.member("ttl"); ttl != nil {
		number, ok := ttl.integer()
		if !ok || number == 0 {
			return nil, invalidClaim("ttl")
		}
		list.ttl = &number
	}
	listed := claims.member("status_list")
	bits, ok := listed.member("bits").integer()
	if listed != nil && !listed.is('{') || listed.member("bits") != nil && !ok || listed.member("lst") != nil && !listed.member("lst").is('"') {
		return nil, invalidClaim("status_list")
	}
	switch at := now.Unix(); {
	case v.URI != "" && list.uri != v.URI:
		return nil, refusal("wrong_subject", "the list is of another address")
	case times["nbf"] != nil && at < *times["nbf"]:
		return nil, refusal("not_yet_valid", "the list is not valid yet")
	case reached(list.expires, at):
		return nil, refusal("expired", "the list has expired")
	case !v.NotOlderThan.IsZero() && list.issued < v.NotOlderThan.Unix():
		return nil, refusal("outdated", "the list is older than one seen before")
	case bits != 1 && bits != 2 && bits != 4 && bits != 8 || listed.member("lst") == nil:
		return nil, invalidClaim("status_list")
	}
	list.bits = bits
	list.table, err = inflate(listed.member("lst").text, orMost(v.MaxListBytes))
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Check verifies lists and looks a license up in them; it gives the list that clears it. There is one, or none, or several of a server that
// has moved. Everything but "listed as valid" is an error.
func (v StatusListVerifier) Check(lists []string, license *License, now time.Time) (*StatusList, error) {
	var cleared *StatusList
	why := error(ErrNoStatusList)
	for _, token := range lists {
		list, err := v.Verify(token, now)
		if err != nil {
			why = &Error{Code: Code(err), Message: "the status list is refused: " + err.Error()}
			continue
		}
		switch err := list.Check(license, now); {
		case err == nil:
			if cleared == nil || cleared.issued <= list.issued {
				cleared = list
			}
		case Code(err) != "other_status_list":
			return nil, err
		case why == error(ErrNoStatusList):
			// What is wrong with one list says more than that another is not the one.
			why = err
		}
	}
	if cleared == nil {
		return nil, why
	}
	return cleared, nil
}

// One whole zlib stream with nothing behind it, of a bounded length.
func inflate(lst string, most int) ([]byte, error) {
	packed, ok := decode(lst)
	source := bytes.NewReader(packed)
	// Dictionaries and windows of more than 32 KiB, which the standard library may pass over.
	if !ok || len(packed) < 2 || packed[0] > 0x7f || packed[1]&0x20 != 0 {
		return nil, invalidClaim("status_list")
	}
	stream, err := zlib.NewReader(source)
	if err != nil {
		return nil, invalidClaim("status_list")
	}
	table, err := io.ReadAll(io.LimitReader(stream, int64(most)+1))
	if len(table) > most {
		return nil, refusal("too_large", fmt.Sprintf("the list is longer than %d bytes", most))
	}
	if err != nil || source.Len() > 0 {
		return nil, invalidClaim("status_list")
	}
	return table, nil
}
