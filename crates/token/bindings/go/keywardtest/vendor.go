// Package keywardtest makes licenses, status lists and signed answers for an application's own tests, at any instant and without a server.
//
// The keys are in this package: never let an application trust them outside of its tests.
package keywardtest

import (
	"bytes"
	"compress/zlib"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	keyward "keyward.example/token"
)

// Vendor has one product, and keys that are the same in every run.
type Vendor struct {
	ProductID string
	key       int
}

// NewVendor makes a vendor whose product has this id.
func NewVendor(productID string) *Vendor { return &Vendor{ProductID: productID, key: 1} }

// Keys are the public ones: what the application is given.
func (v *Vendor) Keys() *keyward.Keyring { return must(keyward.ParseJWKS(v.JWKS())) }

// JWKS gives the same as a JWK Set.
func (v *Vendor) JWKS() string {
	var keys []map[string]string
	for number := 1; number <= v.key; number++ {
		public := secret(number).Public().(ed25519.PublicKey)
		keys = append(keys, map[string]string{"kty": "OKP", "crv": "Ed25519", "x": encode(public), "kid": kid(number)})
	}
	return text(map[string]any{"keys": keys})
}

// RotateKey goes on with another key. What was signed before still verifies by the new Keys.
func (v *Vendor) RotateKey() { v.key++ }

// License is one to be signed; what is zero is left out.
type License struct {
	// Claims are your own.
	Claims map[string]any
	// IssuedAt is when it begins, too; EndsAt its end by the contract, and GraceUntil that of the grace.
	IssuedAt, EndsAt, GraceUntil time.Time
	// Listed is its index in the status list of an address.
	Listed *keyward.StatusRef
	// AnyProduct makes it a license of no product.
	AnyProduct bool
}

// License signs a token of the product, without an end unless one is given.
func (v *Vendor) License(license License) string {
	about := map[string]any{"v": 1, "org": "test", "customer": nil, "product": v.ProductID, "registry": []string{}}
	claims := map[string]any{
		"iss": "http://localhost", "sub": "0192f0c1-7a00-7000-8000-000000000001", "aud": []string{"license-key"}, "keyward": about,
	}
	if license.AnyProduct {
		about["product"] = nil
	}
	end := license.EndsAt
	if !license.GraceUntil.IsZero() {
		about["ends"], end = license.EndsAt.Unix(), license.GraceUntil
	}
	for name, at := range map[string]time.Time{"iat": license.IssuedAt, "nbf": license.IssuedAt, "exp": end} {
		if !at.IsZero() {
			claims[name] = at.Unix()
		}
	}
	if license.Listed != nil {
		claims["status"] = map[string]any{"status_list": map[string]any{"idx": license.Listed.Index, "uri": license.Listed.URI}}
	}
	for name, claim := range license.Claims {
		claims[name] = claim
	}
	return v.Sign("JWT", text(claims))
}

// StatusList signs a list of the licenses 0 to 1,023, all valid but for statuses: 1 is revoked, 2 suspended.
func (v *Vendor) StatusList(uri string, issuedAt time.Time, statuses map[int]byte) string {
	table := make([]byte, 256)
	for index, status := range statuses {
		table[index/4] |= status << (index % 4 * 2)
	}
	var packed bytes.Buffer
	stream := zlib.NewWriter(&packed)
	_, err := stream.Write(table)
	must(0, err)
	must(0, stream.Close())
	list := map[string]any{"bits": 2, "lst": encode(packed.Bytes())}
	return v.Sign("statuslist+jwt", text(map[string]any{"sub": uri, "iat": issuedAt.Unix(), "status_list": list}))
}

// Answer is what the server answers to a question. Members are named as docs/validation.md names them, and take the place of others.
func (v *Vendor) Answer(question keyward.Question, signedAt time.Time, status string, members map[string]any) []byte {
	answer := map[string]any{
		"valid": status == "active", "status": status, "expires": nil, "ip_registered": nil, "ip_count": nil, "max_ips": nil,
		"version": nil, "version_valid": nil, "custom": nil, "kid": kid(v.key), "license_key": question.LicenseKey,
		"nonce": question.Nonce, "product_id": v.ProductID, "signed_at": signedAt.UTC().Format("2006-01-02T15:04:05Z"),
	}
	for name, member := range members {
		answer[name] = member
	}
	signed := must(keyward.Canonical(text(answer)))
	signature := encode(ed25519.Sign(secret(v.key), []byte(signed)))
	return []byte(strings.TrimSuffix(signed, "}") + `,"signature":"` + signature + `"}`)
}

// Sign makes a JWT of any claims, also of such that are refused.
func (v *Vendor) Sign(typ, claims string) string {
	signed := encode([]byte(fmt.Sprintf(`{"alg":"EdDSA","typ":"%s","kid":"%s"}`, typ, kid(v.key)))) + "." + encode([]byte(claims))
	return signed + "." + encode(ed25519.Sign(secret(v.key), []byte(signed)))
}

func secret(number int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(number)}, ed25519.SeedSize))
}

func kid(number int) string {
	return must(keyward.NewPublicKey(secret(number).Public().(ed25519.PublicKey))).Kid()
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func text(of any) string { return string(must(json.Marshal(of))) }

// In a test kit, what can't be made ends the test.
func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}
