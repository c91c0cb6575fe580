//! LOGIN7's FeatureExt: what we ask of the server beside what the driver does, and its
//! acknowledgements, of which the driver knows FEDAUTH alone (MS-TDS 2.2.6.4, 2.2.7.11).

/// Ids of features (FeatureExt).
pub(crate) mod feature {
    pub(crate) const FEDAUTH: u8 = 0x02;
    pub(crate) const DATACLASSIFICATION: u8 = 0x09;
    pub(crate) const UTF8_SUPPORT: u8 = 0x0A;
    pub(crate) const JSONSUPPORT: u8 = 0x0D;
    pub(crate) const VECTORSUPPORT: u8 = 0x0E;
}

/// Where LOGIN7 has OptionFlags3, and in it the bit that says that there is a FeatureExt.
pub(super) const OPTION_FLAGS_3: usize = 27;
pub(super) const EXTENSION: u8 = 0x10;
/// Where it has ibExtension and cbExtension.
const IB_EXTENSION: usize = 56;
/// Bytes of the part that has a fixed length.
const FIXED: usize = 94;

/// What is asked for: id, and the highest version that is read here.
const ASKED: [(u8, &[u8]); 4] = [
    (feature::DATACLASSIFICATION, &[2]),
    (feature::UTF8_SUPPORT, &[]),
    (feature::JSONSUPPORT, &[1]),
    (feature::VECTORSUPPORT, &[1]),
];

/// Adds our features to a LOGIN7. One of another shape than the driver's goes as it is: then the
/// features are not agreed, and nothing else is lost.
pub(super) fn ask(login: &mut Vec<u8>) {
    let length = |b: &[u8]| b.get(..4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    if login.len() < FIXED || length(login) != u32::try_from(login.len()).ok() {
        return;
    }
    let mut asked: Vec<u8> = Vec::new();
    for (id, data) in ASKED {
        asked.push(id);
        asked.extend_from_slice(&(data.len() as u32).to_le_bytes());
        asked.extend_from_slice(data);
    }
    asked.push(0xFF);
    if login[OPTION_FLAGS_3] & EXTENSION != 0 {
        // The driver's own block ends the message; ours goes before its terminator.
        if login.pop_if(|b| *b == 0xFF).is_none() {
            return;
        }
    } else {
        let Ok(at) = u16::try_from(login.len()) else { return };
        login[OPTION_FLAGS_3] |= EXTENSION;
        login[IB_EXTENSION..IB_EXTENSION + 2].copy_from_slice(&at.to_le_bytes());
        login[IB_EXTENSION + 2..IB_EXTENSION + 4].copy_from_slice(&4u16.to_le_bytes());
        login.extend_from_slice(&(u32::from(at) + 4).to_le_bytes());
    }
    login.extend_from_slice(&asked);
    let length = (login.len() as u32).to_le_bytes();
    login[..4].copy_from_slice(&length);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare() -> Vec<u8> {
        let mut login = vec![0; FIXED + 4];
        login[0] = (FIXED + 4) as u8;
        login
    }

    #[test]
    fn a_login_without_features_gets_a_block_of_its_own() {
        let mut login = bare();
        ask(&mut login);
        assert_eq!(login[27], 0x10);
        assert_eq!(login[56..60], [98, 0, 4, 0]);
        assert_eq!(login[98..102], [102, 0, 0, 0]);
        assert_eq!(login[102..108], [9, 1, 0, 0, 0, 2]);
        assert_eq!(usize::from(login[0]), login.len());
        assert_eq!(login.last(), Some(&0xFF));
    }

    #[test]
    fn a_login_with_features_keeps_them() {
        let mut login = bare();
        login[27] = 0x10;
        login.extend([2, 1, 0, 0, 0, 7, 0xFF]);
        login[0] = login.len() as u8;
        ask(&mut login);
        assert_eq!(login[98..110], [2, 1, 0, 0, 0, 7, 9, 1, 0, 0, 0, 2]);
        assert_eq!(usize::from(login[0]), login.len());
    }

    #[test]
    fn a_message_of_another_shape_is_left_alone() {
        for odd in [vec![1, 2, 3], vec![0; 200]] {
            let mut login = odd.clone();
            ask(&mut login);
            assert_eq!(login, odd);
        }
    }
}
