// Verifies a Keyward license offline, with nothing but Go's standard library.
//
//	go run . JWKS_FILE PRODUCT_ID TOKEN [AUDIENCE [NOW]]
//
// JWKS_FILE has the vendor's public keys, as /o/ORGANIZATION/jwks.json gives them; PRODUCT_ID is that of the application, or
// `any`. Prints the claims and ends 0, or the reason and ends 1. A vendor would embed the keys in the program (go:embed) and
// take the token from LICENSE_KEY. NOW, in seconds since 1970, is for tests.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Points of small order, which no honest signature begins with (docs/token-format.md §3).
var smallOrder = map[string]bool{
	strings.Repeat("00", 32):                                           true,
	"01" + strings.Repeat("00", 31):                                    true,
	strings.Repeat("00", 31) + "80":                                    true,
	"ec" + strings.Repeat("ff", 30) + "7f":                             true,
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05": true,
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85": true,
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": true,
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa": true,
}

// Keys by their id.
type Keys map[string]ed25519.PublicKey

// Expected says which licenses are good.
type Expected struct {
	// The id of the product that the application is. All products of a vendor have the same keys and the same audience.
	Product string
	// For tools: whatever product, and none.
	AnyProduct bool
	// If not empty, another audience than "license-key".
	Audience string
}

// Verify gives the claims of a token, as they were signed, if it was signed by one of the keys, is what is expected and is
// valid now.
func Verify(keys Keys, token string, expected Expected, now time.Time) (json.RawMessage, error) {
	if expected.AnyProduct == (expected.Product != "") {
		return nil, errors.New("name a product, or say that any will do")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not a token")
	}
	decoded := make([][]byte, 3)
	for at, part := range parts {
		// Strict: one token has one spelling. The decoder passes over line ends.
		bytes, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || len(bytes) == 0 || strings.ContainsAny(part, "\r\n") {
			return nil, errors.New("not a token")
		}
		decoded[at] = bytes
	}
	header, claims, signature := decoded[0], decoded[1], decoded[2]
	key, err := keys.named(header)
	if err != nil {
		return nil, err
	}
	if len(signature) != ed25519.SignatureSize || smallOrder[hex.EncodeToString(signature[:32])] ||
		!ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) {
		return nil, errors.New("the signature is wrong")
	}
	members, err := strictObject(claims)
	if err != nil {
		return nil, err
	}
	license, err := readLicense(members)
	if err != nil {
		return nil, err
	}
	if err := license.fits(expected); err != nil {
		return nil, err
	}
	if err := license.validAt(now); err != nil {
		return nil, err
	}
	return claims, nil
}

// The key that a header names. The algorithm follows from the key; a header that names another is refused.
func (keys Keys) named(header []byte) (ed25519.PublicKey, error) {
	head, err := strictObject(header)
	if err != nil || len(header) > 768 {
		return nil, errors.New("not a token: header")
	}
	alg, _ := text(head["alg"])
	if typ, _ := text(head["typ"]); typ != "JWT" || (alg != "EdDSA" && alg != "Ed25519") {
		return nil, errors.New("not a license token")
	}
	for _, name := range []string{"crit", "jwk", "jku", "x5u", "x5c", "zip", "b64", "enc"} {
		if _, present := head[name]; present {
			return nil, errors.New("not a license token: " + name)
		}
	}
	name, present := head["kid"]
	if !present && len(keys) == 1 {
		// Without an id, only if there is nothing to choose from.
		for _, key := range keys {
			return key, nil
		}
	}
	kid, _ := text(name)
	key, known := keys[kid]
	if !known {
		return nil, errors.New("signed by an unknown key")
	}
	return key, nil
}

// The kid of a key: its RFC 7638 thumbprint.
func thumbprint(key ed25519.PublicKey) string {
	encode := base64.RawURLEncoding.EncodeToString
	jwk := fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":"%s"}`, encode(key))
	hash := sha256.Sum256([]byte(jwk))
	return encode(hash[:])
}

// ReadKeys reads a JWK Set.
func ReadKeys(text []byte) (Keys, error) {
	var set struct {
		Keys []struct{ Crv, X string }
	}
	if err := json.Unmarshal([]byte(Pasted(string(text))), &set); err != nil {
		return nil, errors.New("the keys are not a JWK Set")
	}
	keys := Keys{}
	for _, jwk := range set.Keys {
		key, err := base64.RawURLEncoding.Strict().DecodeString(jwk.X)
		if jwk.Crv == "Ed25519" && err == nil && len(key) == ed25519.PublicKeySize {
			keys[thumbprint(key)] = key
		}
	}
	return keys, nil
}

func main() {
	if len(os.Args) < 4 || len(os.Args) > 6 {
		fmt.Fprintln(os.Stderr, "usage: verify JWKS_FILE PRODUCT_ID|any TOKEN [AUDIENCE [NOW]]")
		os.Exit(2)
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	keys, err := ReadKeys(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	expected, now := Expected{Product: os.Args[2]}, time.Now()
	if os.Args[2] == "any" {
		expected = Expected{AnyProduct: true}
	}
	if len(os.Args) > 4 {
		expected.Audience = os.Args[4]
	}
	if len(os.Args) > 5 {
		seconds, _ := strconv.ParseInt(os.Args[5], 10, 64)
		now = time.Unix(seconds, 0)
	}
	claims, err := Verify(keys, Pasted(os.Args[3]), expected, now)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(claims))
}
