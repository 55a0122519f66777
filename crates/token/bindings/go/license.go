package keyward

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// StatusRef says where the revocation status of a license stands.
type StatusRef struct {
	Index uint64
	URI   string
}

// What the health of a license rests on.
type terms struct {
	begins, ends, expires *int64
	status                *StatusRef
	leeway                int64
}

// AuthenticLicense is a license of this application that may have ended or not begun: all there is to ask is how it stands.
type AuthenticLicense struct{ terms }

// License is a verified token: only Verifier.Verify makes one.
type License struct {
	terms
	// JSON has the claims exactly as they were signed: a number keeps every digit.
	JSON string
	// Kid says which key has signed.
	Kid string
	// Format is "jwt" or "paseto".
	Format string

	claims *value
}

// Decode reads your own claims, and the others. From a PASETO, too, instants are numbers and the audience is an array.
// As encoding/json does, it takes a claim "SEATS" for the field "seats".
func (l *License) Decode(into any) error { return json.Unmarshal([]byte(l.asInJWT()), into) }

// Claim gives the text of one claim exactly as it was signed; nil if there is none.
func (l *License) Claim(name string) json.RawMessage {
	if found := l.claims.member(name); found != nil {
		return json.RawMessage(found.raw)
	}
	return nil
}

// Subject is the license's id; "" if the token has none.
func (l *License) Subject() string { return textOf(l.claims.member("sub")) }

// Product is the id of the product; "" for a license of no product.
func (l *License) Product() string { return textOf(l.claims.member("keyward").member("product")) }

// Customer is the id of the customer; "" if there is none.
func (l *License) Customer() string { return textOf(l.claims.member("keyward").member("customer")) }

// IssuedAt is when the license was issued; zero if the token does not say.
func (l *License) IssuedAt() time.Time { return timeOf(l.instant(l.claims.member("iat"))) }

// EndsAt is when the license ends by its contract; zero for one without end.
func (l *License) EndsAt() time.Time { return timeOf(l.ends) }

// ExpiresAt is the first instant at which the license is valid no longer, its grace included; zero for one without end.
func (l *License) ExpiresAt() time.Time { return timeOf(l.expires) }

// Status says where its revocation status stands; nil if nowhere.
func (l *License) Status() *StatusRef { return l.status }

func textOf(v *value) string {
	if v.is('"') {
		return v.text
	}
	return ""
}

func timeOf(at *int64) time.Time {
	if at == nil {
		return time.Time{}
	}
	return time.Unix(*at, 0).UTC()
}

// The registered claims have the types of docs/token-format.md, section 7.
func (l *License) read(claims *value) error {
	for at, name := range claims.names {
		claim, fits := claims.items[at], true
		switch name {
		case "iss", "sub", "jti":
			fits = claim.is('"')
		case "aud":
			fits = claim.is('"') || claim.areTexts()
		case "iat":
			fits = l.instant(claim) != nil
		case "nbf":
			l.begins = l.instant(claim)
			fits = l.begins != nil
		case "exp":
			l.expires = l.instant(claim)
			fits = l.expires != nil
		case "status":
			fits = l.readStatus(claim)
		case "keyward":
			fits = l.readKeyward(claim)
		}
		if !fits {
			return invalidClaim(name)
		}
	}
	if l.ends != nil && (l.expires == nil || *l.ends > *l.expires) {
		return invalidClaim("keyward.ends")
	}
	if l.ends == nil {
		l.ends = l.expires
	}
	return nil
}

func (l *License) instant(claim *value) *int64 {
	if l.Format == "paseto" {
		if !claim.is('"') {
			return nil
		}
		return fromRFC3339(claim.text)
	}
	number, ok := claim.integer()
	at := int64(number)
	if !ok || number > last {
		return nil
	}
	return &at
}

func (l *License) readStatus(claim *value) bool {
	list := claim.member("status_list")
	if !claim.is('{') || list == nil {
		return claim.is('{')
	}
	index, ok := list.member("idx").integer()
	l.status = &StatusRef{Index: index, URI: textOf(list.member("uri"))}
	return ok && list.member("uri").is('"')
}

func (l *License) readKeyward(claim *value) bool {
	version, ok := claim.member("v").integer()
	fits := ok && version == 1 && claim.member("org").is('"')
	for _, name := range []string{"customer", "product"} {
		fits = fits && (claim.member(name).isNull() || claim.member(name).is('"'))
	}
	if roles := claim.member("registry"); roles != nil {
		fits = fits && roles.areTexts()
	}
	if ends := claim.member("ends"); ends != nil {
		l.ends = l.instant(ends)
		fits = fits && l.ends != nil
	}
	return fits
}

func (l *License) asInJWT() string {
	if l.Format == "jwt" {
		return l.JSON
	}
	return l.unified(l.claims, map[string]bool{"iat": true, "nbf": true, "exp": true})
}

// An object with its instants as numbers.
func (l *License) unified(object *value, instants map[string]bool) string {
	members := make([]string, len(object.names))
	for at, name := range object.names {
		text := object.items[at].raw
		switch {
		case instants[name]:
			text = strconv.FormatInt(*l.instant(object.items[at]), 10)
		case instants["exp"] && name == "keyward":
			text = l.unified(object.items[at], map[string]bool{"ends": true})
		case instants["exp"] && name == "aud" && object.items[at].is('"'):
			text = "[" + text + "]"
		}
		var quoted strings.Builder
		canonicalText(name, &quoted)
		members[at] = quoted.String() + ":" + text
	}
	return "{" + strings.Join(members, ",") + "}"
}

var rfc3339 = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|\+00:00)$`)

// Whole seconds of UTC, YYYY-MM-DDThh:mm:ss and Z or +00:00; nil for another text.
func fromRFC3339(text string) *int64 {
	at, err := time.Parse(time.RFC3339, text)
	seconds := at.Unix()
	if !rfc3339.MatchString(text) || err != nil || seconds < 0 {
		return nil
	}
	return &seconds
}
