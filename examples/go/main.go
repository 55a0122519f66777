// Verifies a Keyward license offline, with nothing but Go's standard library.
//
//	go run . KEY_FILE TOKEN [AUDIENCE [NOW]]
//
// KEY_FILE is the vendor's public key as PEM, or a JWK Set. Prints the claims and ends 0, or the reason and ends 1. A
// vendor would embed the key in the program (go:embed) and take the token from LICENSE_KEY. NOW, in seconds since 1970, is
// for tests.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
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

// Verify gives the claims of a token, as they were signed, if it was signed by one of the keys and is valid now.
func Verify(keys Keys, token, wanted string, now time.Time) (json.RawMessage, error) {
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
	for _, one := range license.audience {
		if one == wanted {
			return claims, license.validAt(now)
		}
	}
	return nil, errors.New("meant for another audience")
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

func readKeys(path string) (Keys, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	// Text around the block is passed over.
	if block, _ := pem.Decode([]byte(strings.TrimPrefix(string(bytes), "\ufeff"))); block != nil {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		key, right := parsed.(ed25519.PublicKey)
		if !right {
			return nil, errors.New("the key is no Ed25519 key")
		}
		return Keys{thumbprint(key): key}, nil
	}
	var set struct {
		Keys []struct{ Crv, X string }
	}
	if err := json.Unmarshal([]byte(pasted(string(bytes))), &set); err != nil {
		return nil, errors.New("the key is neither PEM nor a JWK Set")
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
	if len(os.Args) < 3 || len(os.Args) > 5 {
		fmt.Fprintln(os.Stderr, "usage: verify KEY_FILE TOKEN [AUDIENCE [NOW]]")
		os.Exit(2)
	}
	keys, err := readKeys(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	wanted, now := "license-key", time.Now()
	if len(os.Args) > 3 {
		wanted = os.Args[3]
	}
	if len(os.Args) > 4 {
		seconds, _ := strconv.ParseInt(os.Args[4], 10, 64)
		now = time.Unix(seconds, 0)
	}
	claims, err := Verify(keys, pasted(os.Args[2]), wanted, now)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(claims))
}
