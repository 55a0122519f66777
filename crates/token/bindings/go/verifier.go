// Package keyward verifies Keyward licenses: offline, by status list, and by the server's signed answer.
//
// Every verdict is that of the Rust crate keyward-token: both are held to the vectors in docs/vectors.
package keyward

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// LicenseAudience is the audience of every license.
const LicenseAudience = "license-key"

const (
	mostDepth = 32
	last      = 253402300799 // the end of 9999
)

// Verifier checks tokens against keys and expectations (docs/token-format.md, section 8). It is safe for use by several goroutines.
type Verifier struct {
	keys         *Keyring
	anyProduct   bool
	products     []string
	orNone       bool
	issuers      []string
	audience     *string
	organization *string
	subject      *string
	leeway       int64
	maxBytes     int
}

// Option tells a verifier what else to expect.
type Option func(*Verifier)

// NewVerifier makes a verifier for the product that the application is, by its id. All products of a vendor have the same keys and the
// same audience, so nothing else tells the license of a cheap one from that of an expensive one.
func NewVerifier(keys *Keyring, product string, options ...Option) *Verifier {
	v := NewAnyProductVerifier(keys, options...)
	v.anyProduct, v.products = false, append([]string{product}, v.products...)
	return v
}

// NewAnyProductVerifier is for tools, and for a vendor of one application: licenses of whatever product, and of none.
func NewAnyProductVerifier(keys *Keyring, options ...Option) *Verifier {
	audience := LicenseAudience
	v := &Verifier{keys: keys, anyProduct: true, audience: &audience, maxBytes: 65_536}
	for _, option := range options {
		option(v)
	}
	return v
}

// OrProduct accepts licenses of this product, too.
func OrProduct(id string) Option { return func(v *Verifier) { v.products = append(v.products, id) } }

// OrWithoutProduct accepts licenses of no product, too.
func OrWithoutProduct() Option { return func(v *Verifier) { v.orNone = true } }

// Issuer expects this issuer, or one of those given before.
func Issuer(url string) Option { return func(v *Verifier) { v.issuers = append(v.issuers, url) } }

// Audience expects this audience in place of LicenseAudience.
func Audience(audience string) Option { return func(v *Verifier) { v.audience = &audience } }

// AnyAudience accepts any audience, and none.
func AnyAudience() Option { return func(v *Verifier) { v.audience = nil } }

// Organization expects this organization.
func Organization(id string) Option { return func(v *Verifier) { v.organization = &id } }

// Subject expects this license, by its id.
func Subject(id string) Option { return func(v *Verifier) { v.subject = &id } }

// LeewaySeconds accepts a token so many seconds before its nbf. There is none for exp.
func LeewaySeconds(seconds int64) Option { return func(v *Verifier) { v.leeway = seconds } }

// MaxTokenBytes is the longest token, 65536 unless set.
func MaxTokenBytes(bytes int) Option { return func(v *Verifier) { v.maxBytes = bytes } }

// Verify gives the license of a token that is valid at an instant.
func (v *Verifier) Verify(token string, now time.Time) (*License, error) {
	license, err := v.checked(token)
	if err != nil {
		return nil, err
	}
	at := now.Unix()
	if nbf := license.begins; nbf != nil && at < *nbf-v.leeway {
		return nil, refusal("not_yet_valid", "the token is not valid until "+time.Unix(*nbf, 0).UTC().Format(time.RFC3339))
	}
	if exp := license.expires; exp != nil && at >= *exp {
		return nil, refusal("expired", "the token has expired at "+time.Unix(*exp, 0).UTC().Format(time.RFC3339))
	}
	return license, nil
}

// Authenticate makes all of the checks but the times, for the health of a license that may have ended or not begun.
func (v *Verifier) Authenticate(token string) (*AuthenticLicense, error) {
	license, err := v.checked(token)
	if err != nil {
		return nil, err
	}
	return &AuthenticLicense{terms: license.terms}, nil
}

var pasetoVersion = regexp.MustCompile(`^v[1-9]\.`)

func (v *Verifier) checked(token string) (*License, error) {
	if len(token) > v.maxBytes {
		return nil, refusal("too_large", fmt.Sprintf("the token is longer than %d bytes", v.maxBytes))
	}
	format, open := "jwt", func(token string, keys *Keyring) (*PublicKey, string, error) { return openJWT(token, "JWT", keys) }
	if pasetoVersion.MatchString(token) {
		format, open = "paseto", openPASETO
	}
	key, payload, err := open(token, v.keys)
	if err != nil {
		return nil, err
	}
	claims, err := readObject(payload, mostDepth)
	if err != nil {
		return nil, malformed("payload")
	}
	license := &License{JSON: payload, Kid: key.kid, Format: format, claims: claims}
	license.leeway = v.leeway
	if err := license.read(claims); err != nil {
		return nil, err
	}
	return license, v.expects(license)
}

func (v *Verifier) expects(license *License) error {
	keyward := license.claims.member("keyward")
	audience := license.claims.member("aud")
	fits := v.audience == nil
	if !fits && audience != nil {
		for _, one := range append([]*value{audience}, audience.items...) {
			fits = fits || one.isText(*v.audience)
		}
	}
	issued := len(v.issuers) == 0
	for _, issuer := range v.issuers {
		issued = issued || license.claims.member("iss").isText(issuer)
	}
	product := keyward.member("product")
	sold := v.anyProduct || product.isNull() && v.orNone
	for _, id := range v.products {
		sold = sold || product.isText(id)
	}
	switch {
	case !issued:
		return refusal("wrong_issuer", "the token is by another issuer")
	case !fits:
		return refusal("wrong_audience", "the token is for another audience")
	case v.organization != nil && !keyward.member("org").isText(*v.organization):
		return refusal("wrong_organization", "the token belongs to another organization")
	case !sold && product.isNull():
		return refusal("wrong_product", "the license is for no product in particular")
	case !sold:
		return refusal("wrong_product", "the license is for another product, "+product.raw)
	case v.subject != nil && !license.claims.member("sub").isText(*v.subject):
		return refusal("wrong_subject", "the token is about another subject")
	}
	return nil
}

// The key that has signed, and the payload.
func openJWT(token, typ string, keys *Keyring) (*PublicKey, string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return nil, "", malformed("not three parts")
	}
	kid, err := keyName(parts[0], typ)
	if err != nil {
		return nil, "", err
	}
	key, err := keys.find(kid)
	if err != nil {
		return nil, "", err
	}
	signature, ok := decode(parts[2])
	if !ok || len(signature) != 64 {
		return nil, "", malformed("signature")
	}
	payload, ok := decode(parts[1])
	if !ok {
		return nil, "", malformed("payload")
	}
	if !key.Verifies([]byte(parts[0]+"."+parts[1]), signature) {
		return nil, "", refusal("bad_signature", "the token's signature is wrong")
	}
	return key, string(payload), nil
}

var refused = map[string]bool{
	"crit": true, "jwk": true, "jku": true, "x5u": true, "x5c": true, "zip": true, "b64": true, "enc": true,
}

func keyName(part, typ string) (*value, error) {
	data, ok := decode(part)
	if !ok || len(part) > 1024 {
		return nil, malformed("header")
	}
	header, err := readObject(string(data), mostDepth)
	if err != nil {
		return nil, malformed("header")
	}
	for at, name := range header.names {
		if refused[name] {
			return nil, refusal("refused_header", "the token's header has the member "+name)
		}
		if (name == "alg" || name == "typ" || name == "kid") && !header.items[at].is('"') {
			return nil, malformed("header")
		}
	}
	if alg := header.member("alg"); !alg.isText("EdDSA") && !alg.isText("Ed25519") {
		return nil, refusal("unsupported_algorithm", "the token's algorithm is not EdDSA")
	}
	if !header.member("typ").isText(typ) {
		return nil, refusal("wrong_type", "the token is another kind of document")
	}
	return header.member("kid"), nil
}

// The named key; without a name, the only one.
func (r *Keyring) find(kid *value) (*PublicKey, error) {
	var key *PublicKey
	if kid != nil {
		key = r.Get(kid.text)
	} else if len(r.keys) == 1 {
		key = r.keys[0]
	}
	if key == nil {
		return nil, refusal("unknown_key", "the token is signed by an unknown key")
	}
	return key, nil
}

func openPASETO(token string, keys *Keyring) (*PublicKey, string, error) {
	const header = "v4.public."
	if !strings.HasPrefix(token, header) {
		return nil, "", refusal("unsupported_format", "the token's format is not supported")
	}
	message, footer, has := strings.Cut(token[len(header):], ".")
	data, fits := decode(message)
	foot, whole := decode(footer)
	if !fits || !whole || len(data) <= 64 || has && footer == "" || len(footer) > 1024 {
		return nil, "", malformed("not a PASETO")
	}
	var kid *value
	if has {
		names, err := readObject(string(foot), mostDepth)
		if err != nil || names.member("kid") != nil && !names.member("kid").is('"') {
			return nil, "", malformed("footer")
		}
		kid = names.member("kid")
	}
	key, err := keys.find(kid)
	if err != nil {
		return nil, "", err
	}
	payload, signature := data[:len(data)-64], data[len(data)-64:]
	signed := binary.LittleEndian.AppendUint64(nil, 4)
	for _, piece := range [][]byte{[]byte(header), payload, foot, nil} {
		signed = append(binary.LittleEndian.AppendUint64(signed, uint64(len(piece))), piece...)
	}
	if !key.Verifies(signed, signature) {
		return nil, "", refusal("bad_signature", "the token's signature is wrong")
	}
	return key, string(payload), nil
}
