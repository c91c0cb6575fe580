//! The state that goes out with questions and comes back with the answers. It passed the client, so
//! it is sealed: whoever changes it, or brings it to another tool, is refused.

use std::sync::LazyLock;

use aws_lc_rs::{hmac, rand::SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

static KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
    hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).expect("randomness")
});

fn signed(target: &str, content: &str) -> Vec<u8> {
    format!("{target}\n{content}").into_bytes()
}

/// The content, for calls of this target.
pub(super) fn sealed(target: &str, content: &str) -> String {
    let tag = hmac::sign(&KEY, &signed(target, content));
    format!("{}.{}", BASE64.encode(content), BASE64.encode(tag))
}

/// The content again, if it is what was sealed for this target.
pub(super) fn opened(target: &str, state: &str) -> Option<String> {
    let (content, tag) = state.split_once('.')?;
    let content = String::from_utf8(BASE64.decode(content).ok()?).ok()?;
    let tag = BASE64.decode(tag).ok()?;
    hmac::verify(&KEY, &signed(target, &content), &tag).is_ok().then_some(content)
}

#[test]
fn state_is_opened_only_as_it_was_sealed() {
    let state = sealed("a", "step é");
    assert_eq!(opened("a", &state).as_deref(), Some("step é"));
    let other = sealed("a", "step 2");
    let (head, tail) =
        (state.split_once('.').expect("two").0, other.split_once('.').expect("two").1);
    for tampered in [format!("{state}x"), format!("{head}.{tail}"), head.to_owned(), String::new()]
    {
        assert_eq!(opened("a", &tampered), None, "{tampered}");
    }
    assert_eq!(opened("b", &state), None, "that of another tool");
}
