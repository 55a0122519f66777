package keyward

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strings"
	"unicode"
)

const quotes = "\"'`´«»‹›‘’‚‛“”„‟〝〞〟＂＇"

// What Unicode calls Default_Ignorable_Code_Point.
var ignorable = [][2]rune{
	{0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f},
	{0x202a, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfff8},
	{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
}

// Pasted gives a token or key without what copying adds: white space and invisible characters anywhere, quotes around it.
func Pasted(text string) string {
	var kept strings.Builder
	for at, c := range text {
		if unicode.Is(unicode.White_Space, c) || inSpans(c) {
			continue
		}
		if c == unicode.ReplacementChar && !strings.HasPrefix(text[at:], "\uFFFD") {
			kept.WriteByte(text[at]) // a byte that is not UTF-8 stays what it is
			continue
		}
		kept.WriteRune(c)
	}
	return strings.Trim(kept.String(), quotes)
}

func inSpans(c rune) bool {
	for _, span := range ignorable {
		if span[0] <= c && c <= span[1] {
			return true
		}
	}
	return false
}

var (
	one      = big.NewInt(1)
	prime    = new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	constant = func() *big.Int {
		d := new(big.Int).ModInverse(big.NewInt(121666), prime)
		return d.Mul(d, big.NewInt(-121665)).Mod(d, prime)
	}()
	spki = []byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}
)

// The y coordinates of the points whose order divides eight, little endian.
var weak = func() map[string]bool {
	found := map[string]bool{}
	minusOne := bytes.Repeat([]byte{0xff}, 32)
	minusOne[0], minusOne[31] = 0xec, 0x7f
	zero, first := make([]byte, 32), make([]byte, 32)
	first[0] = 1
	for _, y := range [][]byte{
		zero, first, minusOne,
		{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
			0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
		{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
			0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
	} {
		found[string(y)] = true
	}
	return found
}()

// The point's y, without the sign of its x.
func withoutSign(point []byte) []byte {
	y := append([]byte(nil), point[:32]...)
	y[31] &= 0x7f
	return y
}

// PublicKey is an Ed25519 public key that is fit for strict verification.
type PublicKey struct {
	key ed25519.PublicKey
	kid string
}

// NewPublicKey reads the 32 bytes of RFC 8032, section 5.1.2.
func NewPublicKey(data []byte) (*PublicKey, error) {
	if len(data) != 32 {
		return nil, refusal("invalid_der", "an Ed25519 key has 32 bytes")
	}
	little := withoutSign(data)
	big32 := make([]byte, 32)
	for at, b := range little {
		big32[31-at] = b
	}
	y := new(big.Int).SetBytes(big32)
	if y.Cmp(prime) >= 0 {
		return nil, refusal("not_canonical", "the public key is not encoded canonically")
	}
	square := new(big.Int).Mul(y, y)
	below := new(big.Int).Mul(square, constant)
	below.ModInverse(below.Add(below, one).Mod(below, prime), prime)
	square.Mul(square.Sub(square, one), below).Mod(square, prime)
	if big.Jacobi(square, prime) < 0 {
		return nil, refusal("not_a_point", "the public key is not a point on the curve")
	}
	if weak[string(little)] {
		return nil, refusal("weak_key", "the public key has small order")
	}
	key := append(ed25519.PublicKey(nil), data...)
	hash := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + encode(key) + `"}`))
	return &PublicKey{key: key, kid: encode(hash[:])}, nil
}

// Kid is the key's id, its RFC 7638 thumbprint.
func (k *PublicKey) Kid() string { return k.kid }

// Bytes are those of RFC 8032, section 5.1.2.
func (k *PublicKey) Bytes() []byte { return append([]byte(nil), k.key...) }

// Verifies says whether a bare signature is by this key, strictly (docs/token-format.md, section 3).
func (k *PublicKey) Verifies(message, signature []byte) bool {
	// The standard library lets a point of small order pass, which no honest signature begins with.
	return len(signature) == ed25519.SignatureSize && !weak[string(withoutSign(signature))] && ed25519.Verify(k.key, message, signature)
}

var errSecretKey = refusal("secret_key", "a secret key where a public key belongs")

// ParsePEM reads one block of SPKI PEM. What copying adds is ignored, and so is text around the block.
func ParsePEM(text string) (*PublicKey, error) {
	const label = "PUBLICKEY-----"
	pem := Pasted(text)
	if strings.Contains(pem, "PRIVATEKEY-----") {
		return nil, errSecretKey
	}
	_, block, _ := strings.Cut(pem, "-----BEGIN")
	head, tail, _ := strings.Cut(block, "-----END")
	body := strings.TrimPrefix(head, label)
	der, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil || strings.Contains(block, "-----BEGIN") || !strings.HasPrefix(head, label) || !strings.HasPrefix(tail, label) {
		return nil, refusal("invalid_pem", "not one PEM block of a public key")
	}
	if len(der) != 44 || !bytes.HasPrefix(der, spki) {
		return nil, refusal("invalid_der", "not an Ed25519 key in the expected DER structure")
	}
	return NewPublicKey(der[len(spki):])
}

// ParseJWK reads the JSON of a public JWK.
func ParseJWK(text string) (*PublicKey, error) {
	jwk, err := readObject(Pasted(text), mostDepth)
	if err != nil {
		return nil, errJWK
	}
	if isSecret(jwk) {
		return nil, errSecretKey
	}
	return ofJWK(jwk)
}

// ParsePASERK reads a PASERK k4.public.
func ParsePASERK(text string) (*PublicKey, error) {
	paserk := Pasted(text)
	if strings.HasPrefix(paserk, "k4.secret.") {
		return nil, errSecretKey
	}
	data, ok := decode(strings.TrimPrefix(paserk, "k4.public."))
	if !ok || len(data) != 32 || !strings.HasPrefix(paserk, "k4.public.") {
		return nil, refusal("invalid_paserk", "not a PASERK of the expected type")
	}
	return NewPublicKey(data)
}

var (
	errJWK  = refusal("invalid_jwk", "not a JWK of an Ed25519 key")
	errJWKS = refusal("invalid_jwks", "not a JWK Set")
)

func isSecret(jwk *value) bool {
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if jwk.member(name) != nil {
			return true
		}
	}
	return false
}

func isEd25519(jwk *value) bool {
	return jwk.member("kty").isText("OKP") && jwk.member("crv").isText("Ed25519")
}

func isForAnotherUse(jwk *value) bool {
	use, alg := jwk.member("use"), jwk.member("alg")
	return use.is('"') && use.text != "sig" || alg.is('"') && alg.text != "EdDSA" && alg.text != "Ed25519"
}

func ofJWK(jwk *value) (*PublicKey, error) {
	fits := isEd25519(jwk) && !isForAnotherUse(jwk) && jwk.member("x").is('"')
	for _, name := range []string{"kid", "use", "alg"} {
		fits = fits && (jwk.member(name) == nil || jwk.member(name).is('"'))
	}
	if !fits {
		return nil, errJWK
	}
	data, ok := decode(jwk.member("x").text)
	if !ok || len(data) != 32 {
		return nil, errJWK
	}
	key, err := NewPublicKey(data)
	if err == nil && jwk.member("kid") != nil && !jwk.member("kid").isText(key.kid) {
		return nil, refusal("wrong_kid", "the kid is not the RFC 7638 thumbprint of the key")
	}
	return key, err
}

// Keyring has the public keys that are trusted, by their ids. A set: while keys rotate there are several.
type Keyring struct{ keys []*PublicKey }

// NewKeyring refuses the same key twice.
func NewKeyring(keys ...*PublicKey) (*Keyring, error) {
	ring := &Keyring{}
	for _, key := range keys {
		if ring.Get(key.kid) != nil {
			return nil, refusal("duplicate_key", "the same key stands twice in the keyring")
		}
		ring.keys = append(ring.keys, key)
	}
	return ring, nil
}

// ParseJWKS reads a JWK Set, /o/{organization}/jwks.json. Keys of other kinds are ignored; a secret or broken key is refused.
func ParseJWKS(text string) (*Keyring, error) {
	set, err := readObject(Pasted(text), mostDepth)
	if err != nil || !set.member("keys").is('[') {
		return nil, errJWKS
	}
	ring := &Keyring{}
	for _, jwk := range set.member("keys").items {
		if !jwk.is('{') {
			return nil, errJWKS
		}
		if isSecret(jwk) {
			return nil, errSecretKey
		}
		if !isEd25519(jwk) || isForAnotherUse(jwk) {
			continue
		}
		key, err := ofJWK(jwk)
		if err != nil {
			return nil, err
		}
		if ring, err = NewKeyring(append(ring.keys, key)...); err != nil {
			return nil, err
		}
	}
	return ring, nil
}

// ParsePEMBundle reads SPKI PEM, one block for each key, /o/{organization}/public-keys.pem.
func ParsePEMBundle(text string) (*Keyring, error) {
	blocks := strings.Split(Pasted(text), "-----BEGIN")[1:]
	ring := &Keyring{}
	for _, block := range blocks {
		key, err := ParsePEM("-----BEGIN" + block)
		if err != nil {
			return nil, err
		}
		if ring, err = NewKeyring(append(ring.keys, key)...); err != nil {
			return nil, err
		}
	}
	if len(blocks) == 0 {
		return nil, refusal("invalid_pem", "not one PEM block of a public key")
	}
	return ring, nil
}

// Get gives the key with this id, nil if there is none.
func (r *Keyring) Get(kid string) *PublicKey {
	for _, key := range r.keys {
		if key.kid == kid {
			return key
		}
	}
	return nil
}

// Keys gives all keys in their order.
func (r *Keyring) Keys() []*PublicKey { return append([]*PublicKey(nil), r.keys...) }
