//! People at the page: who they are to the server, what they may ask, and the rules of their browser.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use throng_server::{Ask, FirstUser, KeyHash, Password, Question, Role, Unanswered, User};

use crate::client::{ADMIN_KEY, Answer, READ_KEY, Server};

const FROM_PAGE: (&str, &str) = ("x-throng-page", "1");

/// A server with a viewer and an analyst, that answers with what it was asked and how often it was.
fn server() -> Server {
    let n_asked = AtomicUsize::new(0);
    let answer = move |question: &Question| {
        let n = n_asked.fetch_add(1, Ordering::Relaxed);
        match question.words.last().map(String::as_str) {
            Some("wrong") => Err(Unanswered::Invalid("no such thing".to_owned())),
            Some("none") => Err(Unanswered::Missing("nothing yet".to_owned())),
            Some("secret") if question.role < Role::Analyst => Err(Unanswered::Forbidden("for analysts".to_owned())),
            Some("broken") => Err(Unanswered::Failed),
            _ => {
                Ok(json!({"words": question.words, "parameters": question.parameters, "n": n}).to_string().into_bytes())
            }
        }
    };
    Server::with(|settings| {
        settings.ask = Some(Ask::new(answer));
        settings.sign_in.key = [7; 32];
        let user = |(name, role, password): (&str, Role, &str)| User {
            name: name.to_owned(),
            role,
            password: Password::of(password).unwrap(),
        };
        settings.sign_in.users =
            [("vi", Role::Read, "what vi looks at"), ("ann", Role::Analyst, "what ann asks for")].map(user).to_vec();
    })
}

fn credentials(name: &str, password: &str) -> Vec<u8> {
    json!({"name": name, "password": password}).to_string().into_bytes()
}

/// Returns the cookie that an answer sets, as a browser sends it.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn sign_in(server: &Server, name: &str, password: &str) -> String {
    let answer = server.send("POST", "/v1/session", &[FROM_PAGE], &credentials(name, password));
    assert_eq!(answer.status, 200, "{answer:?}");
    cookie(&answer)
}

fn get(server: &Server, path: &str, cookie: &str) -> Answer {
    server.send("GET", path, &[("cookie", cookie)], b"")
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn people_sign_in_and_out_and_read_what_keys_read() {
    let server = server();
    assert_eq!(code(&server.send("GET", "/v1/session", &[], b"")), (401, "signed_out".to_owned()));
    let cookie = sign_in(&server, "vi", "what vi looks at");
    assert_eq!(get(&server, "/v1/session", &cookie).json(), json!({"name": "vi", "role": "viewer"}));
    assert_eq!(get(&server, "/v1/personas", "throng_session=x").status, 401);
    assert_eq!(get(&server, "/v1/personas", &cookie).status, 200);
    assert_eq!(get(&server, "/v1/rejections", &cookie).status, 401, "viewers do not see what was refused");
    let out = server.send("DELETE", "/v1/session", &[FROM_PAGE, ("cookie", &cookie)], b"");
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[test]
fn a_wrong_password_and_another_site_are_refused() {
    let server = server();
    for (name, password) in [("vi", "what ann asks for"), ("nobody", "what vi looks at"), ("vi", "")] {
        let answer = server.send("POST", "/v1/session", &[FROM_PAGE], &credentials(name, password));
        assert_eq!(code(&answer), (401, "wrong_password".to_owned()));
        assert!(answer.header("set-cookie").is_none());
    }
    let other = server.send("POST", "/v1/session", &[], &credentials("vi", "what vi looks at"));
    assert_eq!(code(&other), (403, "forbidden".to_owned()));
    let cookie = sign_in(&server, "ann", "what ann asks for");
    let other = server.send("POST", "/v1/ask/model/promote?_=m2", &[("cookie", &cookie)], b"");
    assert_eq!(code(&other), (403, "forbidden".to_owned()));
    // Trying on and on is slowed down.
    let tries: Vec<u16> = (0..20)
        .map(|_| server.send("POST", "/v1/session", &[FROM_PAGE], &credentials("vi", "a guess")).status)
        .collect();
    assert!(tries.contains(&429), "{tries:?}");
}

#[test]
fn the_first_user_is_made_once_by_whoever_holds_the_token() {
    let kept: Arc<Mutex<Vec<String>>> = Arc::default();
    let keeper = Arc::clone(&kept);
    let server = Server::with(|settings| {
        let keep = move |name: &str, _: &Password| {
            if name.contains('"') {
                return Err("no name".to_owned());
            }
            keeper.lock().unwrap().push(name.to_owned());
            Ok(())
        };
        settings.sign_in.first = Some(FirstUser { token: KeyHash::of("token"), keep: Arc::new(keep) });
    });
    assert_eq!(code(&server.send("GET", "/v1/session", &[], b"")), (401, "first_run".to_owned()));
    let first = |name: &str, password: &str, token: &str| {
        let body = json!({"name": name, "password": password, "token": token}).to_string();
        server.send("POST", "/v1/session/first", &[FROM_PAGE], body.as_bytes())
    };
    assert_eq!(first("ann", "long enough to keep", "guess").status, 403);
    assert_eq!(first("ann", "short", "token").status, 400);
    assert_eq!(first("a\"n", "long enough to keep", "token").status, 400);
    let made = first("ann", "long enough to keep", "token");
    assert_eq!((made.status, made.json()), (200, json!({"name": "ann", "role": "admin"})));
    assert_eq!(get(&server, "/v1/rejections", &cookie(&made)).status, 200);
    assert_eq!(first("eve", "long enough to keep", "token").status, 403);
    assert_eq!(*kept.lock().unwrap(), ["ann"]);
    sign_in(&server, "ann", "long enough to keep");
}

#[test]
fn questions_reach_whoever_knows_in_the_words_they_were_asked_in() {
    let server = server();
    let cookie = sign_in(&server, "vi", "what vi looks at");
    let asked = get(&server, "/v1/ask/journeys/funnel?_=A%20B&_=%3Cb%3E&persona=p1&keep=", &cookie).json();
    assert_eq!(asked["words"], json!(["journeys", "funnel"]));
    assert_eq!(asked["parameters"], json!([["_", "A B"], ["_", "<b>"], ["persona", "p1"], ["keep", ""]]));
    for (path, status) in [("wrong", 400), ("none", 404), ("secret", 403), ("broken", 500)] {
        assert_eq!(get(&server, &format!("/v1/ask/{path}"), &cookie).status, status, "{path}");
    }
    assert_eq!(get(&server, "/v1/ask/secret", &sign_in(&server, "ann", "what ann asks for")).status, 200);
    assert_eq!(server.get("/v1/ask/secret", READ_KEY).status, 403);
    assert_eq!(server.get("/v1/ask/secret", ADMIN_KEY).status, 200);
    assert_eq!(server.get("/v1/ask/secret", "no key").status, 401);
    let many = "a=&".repeat(100);
    assert_eq!(get(&server, &format!("/v1/ask/x?{many}"), &cookie).status, 400);
}

#[test]
fn an_answer_is_given_again_until_something_is_changed() {
    let server = server();
    let n = |answer: Answer| -> Value { answer.json()["n"].clone() };
    let ask = || n(server.get("/v1/ask/personas/list", READ_KEY));
    let first = ask();
    assert_eq!(ask(), first);
    assert_ne!(n(server.get("/v1/ask/personas/list?_=p1", READ_KEY)), first);
    assert_eq!(ask(), first);
    let header = format!("Bearer {ADMIN_KEY}");
    let act = || server.send("POST", "/v1/ask/model/rollback", &[("authorization", &header)], b"");
    let acted = [n(act()), n(act())];
    assert_ne!(acted[0], acted[1], "what changes something is done each time");
    assert_ne!(ask(), first);
}

#[test]
fn browsers_get_a_page_under_strict_rules_and_programs_an_error() {
    let server = server();
    for path in ["/", "/personas/p1", "/customers/u:1", "/sign-in"] {
        let page = server.send("GET", path, &[("accept", "text/html,*/*")], b"");
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{path}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    }
    for (method, path) in [("GET", "/v1/no/thing"), ("GET", "/assets/none.js"), ("POST", "/")] {
        let answer = server.send(method, path, &[("accept", "text/html")], b"");
        assert_eq!(code(&answer), (404, "not_found".to_owned()), "{method} {path}");
    }
    assert_eq!(server.send("GET", "/personas", &[("accept", "application/json")], b"").status, 404);
}

#[test]
fn a_browser_asks_nobody_for_a_key_on_behalf_of_a_script() {
    let server = server();
    let refused = |mode: &str| server.send("GET", "/v1/personas", &[("sec-fetch-mode", mode)], b"");
    assert!(refused("cors").header("www-authenticate").is_none());
    assert!(refused("navigate").header("www-authenticate").is_some());
}
