//! PRELOGIN: options, each a token, an offset and a length, and their data behind (MS-TDS 2.2.6.5).

use crate::error::Error;

/// Tokens of the options.
mod option {
    pub(super) const VERSION: u8 = 0;
    pub(super) const ENCRYPTION: u8 = 1;
    pub(super) const INSTOPT: u8 = 2;
    pub(super) const THREADID: u8 = 3;
    pub(super) const MARS: u8 = 4;
    pub(super) const FEDAUTHREQUIRED: u8 = 6;
    pub(super) const NONCEOPT: u8 = 7;
    pub(super) const TERMINATOR: u8 = 0xFF;
}

/// Values of the option ENCRYPTION.
pub(crate) mod encryption {
    pub(crate) const OFF: u8 = 0;
    pub(crate) const ON: u8 = 1;
    pub(crate) const NOT_SUPPORTED: u8 = 2;
    pub(crate) const REQUIRED: u8 = 3;
}

/// What we ask of a server.
pub(crate) struct Request<'a> {
    pub(crate) encryption: u8,
    pub(crate) instance: Option<&'a str>,
    pub(crate) fed_auth: bool,
}

/// What of the server's answer matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PreloginAnswer {
    version: [u8; 6],
    pub(crate) encryption: u8,
    /// As it came: one byte of 0 where the instance is the one that was asked for.
    instance: Option<Vec<u8>>,
    fed_auth: Option<u8>,
    nonce: Option<[u8; 32]>,
}

impl Request<'_> {
    /// The payload of the packet.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut instance = self.instance.unwrap_or_default().as_bytes().to_vec();
        instance.push(0);
        let mut options: Vec<(u8, &[u8])> = vec![
            (option::VERSION, &[0; 6]),
            (option::ENCRYPTION, std::slice::from_ref(&self.encryption)),
            (option::INSTOPT, &instance),
            (option::THREADID, &[0; 4]),
            (option::MARS, &[0]),
        ];
        if self.fed_auth {
            options.push((option::FEDAUTHREQUIRED, &[1]));
        }
        write(&options)
    }
}

// === impl PreloginAnswer ===

impl PreloginAnswer {
    pub(crate) fn read(payload: &[u8]) -> Result<Self, Error> {
        let bad = || Error::protocol("PRELOGIN is malformed");
        let mut answer = Self {
            version: [0; 6],
            encryption: encryption::NOT_SUPPORTED,
            instance: None,
            fed_auth: None,
            nonce: None,
        };
        let mut rest = payload;
        while let [token, tail @ ..] = rest {
            if *token == option::TERMINATOR {
                return Ok(answer);
            }
            let [o1, o2, l1, l2, tail @ ..] = tail else { break };
            rest = tail;
            let start = usize::from(u16::from_be_bytes([*o1, *o2]));
            let length = usize::from(u16::from_be_bytes([*l1, *l2]));
            let data = payload.get(start..start + length).ok_or_else(bad)?;
            match *token {
                option::VERSION => answer.version = data.try_into().map_err(|_| bad())?,
                option::ENCRYPTION => answer.encryption = *data.first().ok_or_else(bad)?,
                option::INSTOPT => answer.instance = Some(data.to_vec()),
                option::FEDAUTHREQUIRED => answer.fed_auth = data.first().copied(),
                option::NONCEOPT => answer.nonce = Some(data.try_into().map_err(|_| bad())?),
                _ => {}
            }
        }
        Err(bad())
    }

    /// The server's own version: major, minor, build.
    pub(crate) fn version(&self) -> (u8, u8, u16) {
        let [major, minor, b1, b2, ..] = self.version;
        (major, minor, u16::from_be_bytes([b1, b2]))
    }

    /// Whether the instance is another one than was asked for.
    pub(crate) fn other_instance(&self) -> bool {
        self.instance.as_ref().is_some_and(|i| i.first().is_some_and(|b| *b != 0))
    }

    /// What the driver is shown: it knows few options, and there is no encryption left to agree on.
    pub(crate) fn for_driver(&self) -> Vec<u8> {
        let mut options: Vec<(u8, &[u8])> = vec![
            (option::VERSION, &self.version),
            (option::ENCRYPTION, &[encryption::NOT_SUPPORTED]),
        ];
        if let Some(i) = self.instance.as_ref().filter(|i| i.contains(&0)) {
            options.push((option::INSTOPT, i));
        }
        if let Some(f) = &self.fed_auth {
            options.push((option::FEDAUTHREQUIRED, std::slice::from_ref(f)));
        }
        if let Some(n) = &self.nonce {
            options.push((option::NONCEOPT, n));
        }
        write(&options)
    }
}

fn write(options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut offset = options.len() * 5 + 1;
    for (token, data) in options {
        out.push(*token);
        // Names of instances have at most 16 characters.
        out.extend_from_slice(&(offset as u16).to_be_bytes());
        out.extend_from_slice(&(data.len() as u16).to_be_bytes());
        offset += data.len();
    }
    out.push(option::TERMINATOR);
    out.extend(options.iter().flat_map(|(_, data)| data.iter()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_of_the_specification_has_this_shape() {
        let r = Request { encryption: encryption::ON, instance: Some("A"), fed_auth: true };
        let out = r.write();
        assert_eq!(out[..6], [0, 0, 31, 0, 6, 1]);
        assert_eq!(out[30], 0xFF);
        assert_eq!(out[31..], [0, 0, 0, 0, 0, 0, 1, b'A', 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn the_driver_sees_what_it_knows_and_no_encryption() {
        let nonce = [9; 32];
        let real = write(&[
            (option::VERSION, &[16, 0, 4, 17, 0, 0]),
            (option::ENCRYPTION, &[encryption::REQUIRED]),
            (option::THREADID, &[1, 2, 3, 4]),
            (9, &[1]),
            (option::INSTOPT, &[0]),
            (option::FEDAUTHREQUIRED, &[1]),
            (option::NONCEOPT, &nonce),
        ]);
        let answer = PreloginAnswer::read(&real).expect("well-formed");
        assert_eq!((answer.encryption, answer.version()), (3, (16, 0, 1041)));
        assert!(!answer.other_instance());
        let shown = PreloginAnswer::read(&answer.for_driver()).expect("well-formed");
        assert_eq!(shown, PreloginAnswer { encryption: encryption::NOT_SUPPORTED, ..answer });
    }

    #[test]
    fn a_malformed_answer_is_an_error_wherever_it_ends() {
        let whole = write(&[(option::VERSION, &[0; 6]), (option::ENCRYPTION, &[1])]);
        for end in 0..whole.len() {
            assert!(PreloginAnswer::read(&whole[..end]).is_err(), "{end}");
        }
    }
}
