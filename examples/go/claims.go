package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// What every token may state. Your own claims are beside it.
type license struct {
	audience []string
	product  string
	// When the license ends by its contract; the grace follows, until it expires.
	ends      *int64
	notBefore int64
	expires   *int64
}

// The end of the year 9999.
const last = 253402300799

var digits = regexp.MustCompile(`^[0-9]+$`)

// Reads the registered claims, whose types are those of docs/token-format.md §7: what they are not is refused, never passed
// over. Names are read as they are written: encoding/json would take a claim "EXP" of yours for "exp".
func readLicense(claims map[string]json.RawMessage) (license license, err error) {
	for name, claim := range claims {
		fits := true
		switch name {
		case "iss", "sub", "jti":
			_, fits = text(claim)
		case "aud":
			license.audience, fits = texts(claim)
			if one, single := text(claim); single {
				license.audience, fits = []string{one}, true
			}
		case "iat":
			_, fits = instant(claim)
		case "nbf":
			license.notBefore, fits = instant(claim)
		case "exp":
			var end int64
			end, fits = instant(claim)
			license.expires = &end
		case "status":
			fits = isStatus(claim)
		case "keyward":
			fits = license.readKeyward(claim)
		}
		if !fits {
			return license, fmt.Errorf("the claim %s is invalid", name)
		}
	}
	if license.ends != nil && (license.expires == nil || *license.ends > *license.expires) {
		return license, errors.New("the claim keyward is invalid")
	}
	return license, nil
}

func (l license) fits(expected Expected) error {
	wanted := expected.Audience
	if wanted == "" {
		wanted = "license-key"
	}
	meant := false
	for _, one := range l.audience {
		meant = meant || one == wanted
	}
	switch {
	case !meant:
		return errors.New("meant for another audience")
	case !expected.AnyProduct && l.product != expected.Product:
		return errors.New("for another product, or for none")
	}
	return nil
}

func (l license) validAt(now time.Time) error {
	switch {
	case now.Unix() < l.notBefore:
		return errors.New("not yet valid")
	case l.expires != nil && now.Unix() >= *l.expires:
		return errors.New("expired")
	}
	return nil
}

func text(claim json.RawMessage) (value string, fits bool) {
	return value, len(claim) > 0 && claim[0] == '"' && json.Unmarshal(claim, &value) == nil
}

func texts(claim json.RawMessage) (values []string, fits bool) {
	var items []json.RawMessage
	if len(claim) == 0 || claim[0] != '[' || json.Unmarshal(claim, &items) != nil {
		return nil, false
	}
	for _, item := range items {
		value, fits := text(item)
		if !fits {
			return nil, false
		}
		values = append(values, value)
	}
	return values, true
}

func instant(claim json.RawMessage) (int64, bool) {
	at, err := strconv.ParseInt(string(claim), 10, 64)
	return at, digits.Match(claim) && err == nil && at <= last
}

func object(claim json.RawMessage) (members map[string]json.RawMessage, fits bool) {
	return members, len(claim) > 0 && claim[0] == '{' && json.Unmarshal(claim, &members) == nil
}

func isStatus(claim json.RawMessage) bool {
	status, fits := object(claim)
	list, present := status["status_list"]
	if !fits || !present {
		return fits
	}
	place, fits := object(list)
	_, isText := text(place["uri"])
	_, err := strconv.ParseUint(string(place["idx"]), 10, 64)
	return fits && isText && err == nil && digits.Match(place["idx"])
}

// The claim `keyward`. The product is empty for a license of no product.
func (l *license) readKeyward(claim json.RawMessage) bool {
	keyward, fits := object(claim)
	_, org := text(keyward["org"])
	for _, name := range []string{"customer", "product"} {
		value, present := keyward[name]
		_, isText := text(value)
		fits = fits && (!present || isText || string(value) == "null")
	}
	if roles, present := keyward["registry"]; present {
		_, isTexts := texts(roles)
		fits = fits && isTexts
	}
	if ends, present := keyward["ends"]; present {
		at, isInstant := instant(ends)
		l.ends, fits = &at, fits && isInstant
	}
	l.product, _ = text(keyward["product"])
	return fits && org && string(keyward["v"]) == "1"
}
