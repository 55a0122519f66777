package keyward_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	keyward "keyward.example/token"
	"keyward.example/token/keywardtest"
)

const (
	day  = 24 * time.Hour
	list = "https://licenses.example.com/o/acme/status-list"
)

var now = time.Unix(1_800_000_000, 0)

func refuses(t *testing.T, err error, code string) {
	t.Helper()
	if keyward.Code(err) != code {
		t.Errorf("%v, %s is wanted", err, code)
	}
}

func holds(t *testing.T, what string, fits bool) {
	t.Helper()
	if !fits {
		t.Error(what)
	}
}

func verified(t *testing.T, vendor *keywardtest.Vendor, token string) *keyward.License {
	t.Helper()
	license, err := keyward.NewVerifier(vendor.Keys(), "server").Verify(keyward.Pasted(token), now)
	if err != nil {
		t.Fatal(err)
	}
	return license
}

func TestALicenseOpensItsProductAndNoOther(t *testing.T) {
	vendor := keywardtest.NewVendor("server")
	license := verified(t, vendor, vendor.License(keywardtest.License{Claims: map[string]any{"seats": 25}}))
	var terms struct{ Seats int }
	holds(t, "25 seats", license.Decode(&terms) == nil && terms.Seats == 25 && string(license.Claim("seats")) == "25")
	for _, other := range []string{
		keywardtest.NewVendor("basic").License(keywardtest.License{}), vendor.License(keywardtest.License{AnyProduct: true}),
	} {
		_, err := keyward.NewVerifier(vendor.Keys(), "server").Verify(other, now)
		refuses(t, err, "wrong_product")
		holds(t, "errors.Is", errors.Is(err, keyward.ErrWrongProduct) && !errors.Is(err, keyward.ErrExpired))
		_, err = keyward.NewAnyProductVerifier(vendor.Keys()).Verify(other, now)
		refuses(t, err, "")
	}
	_, err := keyward.NewVerifier(vendor.Keys(), "").Verify(vendor.License(keywardtest.License{AnyProduct: true}), now)
	refuses(t, err, "wrong_product")
}

// The tokens of docs/vectors that a signer makes: by the test kit, and read.
func TestTheKitSignsAsTheCrateDoes(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/vectors/v1/signing.json")
	if err != nil {
		t.Skip("the module is elsewhere")
	}
	var signing struct {
		Tokens []struct{ Name, Claims, Token string }
	}
	if err := json.Unmarshal(text, &signing); err != nil || len(signing.Tokens) == 0 {
		t.Fatal("no tokens", err)
	}
	vendor := keywardtest.NewVendor("server")
	for count := 1; count < 7; count++ {
		vendor.RotateKey()
	}
	for _, signed := range signing.Tokens {
		license, err := keyward.NewAnyProductVerifier(vendor.Keys(), keyward.AnyAudience()).Verify(signed.Token, now)
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			Exp int64
			Aud []string
		}
		if strings.HasPrefix(signed.Name, "jwt") {
			holds(t, signed.Name, vendor.Sign("JWT", signed.Claims) == signed.Token)
			continue
		}
		// A PASETO's claims are read as those of a JWT.
		fits := license.Decode(&claims) == nil && claims.Aud[0] == "license-key"
		holds(t, signed.Name, fits && (license.ExpiresAt().IsZero() || claims.Exp == 1_831_536_000))
	}
}

func TestKeysRotateWhileTheProgramRuns(t *testing.T) {
	vendor := keywardtest.NewVendor("server")
	before, old := vendor.License(keywardtest.License{}), keyward.NewVerifier(vendor.Keys(), "server")
	vendor.RotateKey()
	after := vendor.License(keywardtest.License{})
	_, err := old.Verify(after, now)
	refuses(t, err, "unknown_key")
	for _, token := range []string{before, after} {
		holds(t, "the product", verified(t, vendor, "“"+token+"”\n").Product() == "server")
	}
}

func TestAListRevokesWhatVerifies(t *testing.T) {
	vendor := keywardtest.NewVendor("server")
	license := verified(t, vendor, vendor.License(keywardtest.License{Listed: &keyward.StatusRef{Index: 7, URI: list}}))
	lists := keyward.StatusListVerifier{Keys: vendor.Keys()}
	cleared, err := lists.Check([]string{vendor.StatusList(list, now, nil)}, license, now)
	holds(t, "a list that clears", err == nil && cleared.IssuedAt().Equal(now))
	for status, code := range map[byte]string{1: "revoked", 2: "suspended", 3: "revoked"} {
		_, err := lists.Check([]string{vendor.StatusList(list, now, map[int]byte{7: status})}, license, now)
		refuses(t, err, code)
	}
	_, err = lists.Check(nil, license, now)
	holds(t, "no list", errors.Is(err, keyward.ErrNoStatusList))
}

func TestHealthGoesThroughTheGrace(t *testing.T) {
	vendor := keywardtest.NewVendor("server")
	token := vendor.License(keywardtest.License{IssuedAt: now, EndsAt: now.Add(60 * day), GraceUntil: now.Add(74 * day)})
	license, err := keyward.NewVerifier(vendor.Keys(), "server").Authenticate(token)
	if err != nil {
		t.Fatal(err)
	}
	for days, state := range map[time.Duration]string{-1: "not_yet", 0: "fine", 30: "ending", 60: "in_grace", 74: "ended"} {
		holds(t, state, license.Health(now.Add(days*day), keyward.HealthCheck{}).State == state)
	}
}

func TestTheLastAnswerCountsUntilARefusal(t *testing.T) {
	vendor, period := keywardtest.NewVendor("server"), 14*day
	answers := keyward.NewAnswerVerifier(vendor.Keys(), "server")
	question, _ := keyward.NewQuestion("7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", "2.1.0", "m")
	asked := answers.Decide(question, vendor.Answer(question, now, "active", nil), nil, now, period)
	holds(t, "licensed", asked.MayRun && asked.Reason == "licensed")
	later, _ := keyward.NewQuestion("7zzq20x4kmv9tbdhn3ga51rwc", "", "m")
	offline := answers.Decide(later, nil, asked.Keep, now.Add(day), period)
	holds(t, "offline", offline.MayRun && offline.Reason == "offline" && offline.Until.Equal(now.Add(period)))
	// What is not the server's answer to this question changes nothing, whoever sends it.
	for _, body := range [][]byte{
		[]byte("<html>"), {}, vendor.Answer(question, now.Add(day), "active", nil),
		keywardtest.NewVendor("basic").Answer(later, now.Add(day), "revoked", nil),
	} {
		holds(t, "still offline", answers.Decide(later, body, asked.Keep, now.Add(day), period).Reason == "offline")
	}
	refused := answers.Decide(later, vendor.Answer(later, now.Add(day), "revoked", nil), asked.Keep, now.Add(9*day), period)
	holds(t, "refused", !refused.MayRun && refused.Answer.Status == "revoked")
	holds(t, "still refused", answers.Decide(later, nil, refused.Keep, now.Add(2*day), period).Reason == "refused")
	elsewhere, _ := keyward.NewQuestion("7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", "", "another")
	holds(t, "elsewhere", answers.Decide(elsewhere, nil, asked.Keep, now.Add(day), period).Reason == "other_machine")
}

func TestALargeListIsRead(t *testing.T) {
	vendor := keywardtest.NewVendor("server")
	claims := `{"sub":"u","iat":1800000000,"x":"` + strings.Repeat("y", 3_000_000) + `","status_list":{"bits":2,"lst":"eNpjYAAAAAIAAQ"}}`
	read, err := keyward.StatusListVerifier{Keys: vendor.Keys()}.Verify(vendor.Sign("statuslist+jwt", claims), now)
	holds(t, "8 entries", err == nil && read.Len() == 8)
}

// Runs a program that uses the module.
func program(t *testing.T, folder, text string) func(environment ...string) (string, error) {
	t.Helper()
	here, _ := os.Getwd()
	module := "module example\n\ngo 1.19\n\nrequire keyward.example/token v0.1.0\n\nreplace keyward.example/token => " + here + "\n"
	for name, text := range map[string]string{"main.go": text, "go.mod": module} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(environment ...string) (string, error) {
		program := exec.Command("go", "run", ".")
		program.Dir, program.Env = folder, append(append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off"), environment...)
		said, err := program.CombinedOutput()
		return string(said), err
	}
}

func TestTheReadmeLeadsToAVerdict(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, snippet, _ := strings.Cut(string(readme), "```go\n")
	snippet, _, _ = strings.Cut(snippet, "```")
	holds(t, "ten lines", strings.Count(snippet, "\n") <= 10)
	imports := "import (\n\t\"fmt\"\n\t\"log\"\n\t\"os\"\n\t\"time\"\n\n\tkeyward \"keyward.example/token\"\n)\n\n"
	folder := t.TempDir()
	run := program(t, folder, "package main\n\n"+imports+"func main() {\n"+snippet+"}\n")
	vendor := keywardtest.NewVendor("0192f0c1-7a00-7000-8000-00000000000b")
	if err := os.WriteFile(filepath.Join(folder, "jwks.json"), []byte(vendor.JWKS()), 0o600); err != nil {
		t.Fatal(err)
	}
	seats := keywardtest.License{Claims: map[string]any{"seats": 25}}
	said, err := run("LICENSE_KEY=" + vendor.License(seats) + "\n")
	holds(t, said, err == nil && said == "licensed: 25 seats\n")
	said, err = run("LICENSE_KEY=" + keywardtest.NewVendor("other").License(seats))
	holds(t, said, err != nil && strings.Contains(said, "(wrong_product)"))
}

func TestTheGuideWorks(t *testing.T) {
	guide, err := os.ReadFile("../../../../docs/guides/go.md")
	if err != nil {
		t.Skip("the module is elsewhere")
	}
	var text strings.Builder
	text.WriteString("package main\n\nimport (\n")
	for _, name := range []string{"bytes", "encoding/json", "errors", "fmt", "io", "net/http", "net/http/httptest", "os", "time"} {
		text.WriteString("\t\"" + name + "\"\n")
	}
	text.WriteString("\n\tkeyward \"keyward.example/token\"\n\t\"keyward.example/token/keywardtest\"\n)\n")
	for _, block := range strings.Split(string(guide), "```go\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		text.WriteString("\n" + block)
	}
	text.WriteString(guideCalls)
	said, err := program(t, t.TempDir(), text.String())()
	holds(t, said, err == nil && said == "25 revoked licensed offline refused refused ending true true true\n")
}

// What the guide's functions are called with.
const guideCalls = `
func main() {
	vendor, list, now := keywardtest.NewVendor(product), "https://licenses.example.com/list", time.Now()
	place := &keyward.StatusRef{Index: 7, URI: list}
	token := vendor.License(keywardtest.License{Claims: map[string]any{"seats": 25}, Listed: place})
	license, terms, err := licenseOf(vendor.JWKS(), token+"\n")
	if err != nil || notRevoked(vendor.Keys(), nil, license) != nil {
		panic(err)
	}
	said := []any{terms.Seats, keyward.Code(notRevoked(vendor.Keys(), []string{vendor.StatusList(list, now, map[int]byte{7: 1})}, license))}
	answers := keyward.NewAnswerVerifier(vendor.Keys(), product)
	for _, status := range []string{"active", "", "revoked", ""} {
		url := "http://127.0.0.1:9"
		if status != "" {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var question keyward.Question
				_ = json.NewDecoder(r.Body).Decode(&question)
				_, _ = w.Write(vendor.Answer(question, now, status, nil))
			}))
			defer server.Close()
			url = server.URL
		}
		decision, err := check(answers, url, "kw_prod_test", "KEY", "kept.json")
		if err != nil {
			panic(err)
		}
		said = append(said, decision.Reason)
	}
	ends := time.Unix(1_800_000_000, 0)
	told, err := remark(keyward.NewVerifier(vendor.Keys(), product), vendor.License(keywardtest.License{EndsAt: ends}), ends.Add(-time.Hour))
	if err != nil {
		panic(err)
	}
	floor := begin("clock", []byte("key"))
	floor.SawSigned(now.Add(48 * time.Hour))
	by, err := look(floor, "clock", []byte("key"), 0)
	same := begin("clock", []byte("key")).At().Equal(floor.At())
	said = append(said, told[9:15], by > 86_400 && err == nil, same, anEndedLicenseIsRefused())
	fmt.Println(said...)
}
`
