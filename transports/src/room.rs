//! Who gives way where there is no room for another one (a session, a stream): whoever has most
//! gives an idle one to whoever has fewer, so that nobody can keep others out.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// One of those that take up the room.
#[derive(Debug)]
pub(crate) struct Place<Owner> {
    pub(crate) owner: Owner,
    pub(crate) id: String,
    /// When it was last used, where nothing runs in it; those in which something runs stay.
    pub(crate) idle_since: Option<u64>,
}

/// The one that ends for `newcomer`: of the owner who has most of them, and more than `newcomer`
/// would have, the idle one that was not used for longest. Where those that end can be taken up
/// again (`also_own`), the newcomer's count as well, and where whoever has most has no idle one,
/// another gives one.
pub(crate) fn gives_way<Owner: Eq + Hash + Borrow<str>>(
    newcomer: &str,
    also_own: bool,
    places: impl Iterator<Item = Place<Owner>>,
) -> Option<String> {
    let mut owners: HashMap<Owner, (usize, Option<(u64, String)>)> = HashMap::new();
    for place in places {
        let (count, oldest) = owners.entry(place.owner).or_default();
        *count += 1;
        if let Some(since) = place.idle_since
            && oldest.as_ref().is_none_or(|(other, _)| since < *other)
        {
            *oldest = Some((since, place.id));
        }
    }
    let own = owners.get(newcomer).map_or(0, |(count, _)| *count);
    if also_own {
        let idle = owners.into_values().filter_map(|(count, oldest)| Some((count, oldest?)));
        let most = idle.max_by_key(|(count, (since, _))| (*count, std::cmp::Reverse(*since)));
        return most.map(|(_, (_, id))| id);
    }
    let (_, oldest) = owners
        .into_values()
        .filter(|(count, _)| *count > own + 1)
        .max_by_key(|(count, _)| *count)?;
    Some(oldest?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(newcomer: &str, places: &[(&'static str, &str, Option<u64>)]) -> Option<String> {
        let place = |(owner, id, idle_since): &(&'static str, &str, _)| Place {
            owner: *owner,
            id: (*id).to_owned(),
            idle_since: *idle_since,
        };
        gives_way(newcomer, false, places.iter().map(place))
    }

    #[test]
    fn whoever_has_most_gives_the_one_that_was_idle_for_longest() {
        let places = [
            ("ada", "a1", None),
            ("bob", "b1", Some(1)),
            ("bob", "b2", Some(2)),
            ("ada", "a2", Some(9)),
            ("ada", "a3", Some(8)),
            ("ada", "a4", Some(10)),
        ];
        assert_eq!(of("eve", &places).as_deref(), Some("a3"));
        assert_eq!(of("bob", &places).as_deref(), Some("a3"));
        assert_eq!(of("ada", &places), None, "she has most herself");
        assert_eq!(of("bob", &places[..4]), None, "they have the same");
        assert_eq!(of("bob", &places[..5]), None, "with one more he would have as many as she");
        assert_eq!(of("eve", &places[..1]), None, "who has one keeps it");
        assert_eq!(of("eve", &[]), None);
    }

    #[test]
    fn what_runs_is_not_ended() {
        let busy = [("ada", "a1", None), ("ada", "a2", None), ("ada", "a3", None)];
        assert_eq!(of("eve", &busy), None);
        let mixed = [busy[0], ("ada", "a4", Some(0)), busy[1]];
        assert_eq!(of("eve", &mixed).as_deref(), Some("a4"));
    }

    #[test]
    fn what_can_be_taken_up_again_makes_room_whoever_has_it() {
        let own = |newcomer: &str, places: &[(&'static str, &str, Option<u64>)]| {
            let place = |(owner, id, idle_since): &(&'static str, &str, _)| Place {
                owner: *owner,
                id: (*id).to_owned(),
                idle_since: *idle_since,
            };
            gives_way(newcomer, true, places.iter().map(place))
        };
        let places = [
            ("ada", "a1", None),
            ("ada", "a2", Some(3)),
            ("bob", "b1", Some(1)),
            ("cyd", "c1", Some(2)),
        ];
        assert_eq!(own("ada", &places).as_deref(), Some("a2"));
        assert_eq!(own("eve", &places[2..]).as_deref(), Some("b1"), "the oldest");
        assert_eq!(own("eve", &[places[0], places[3]]).as_deref(), Some("c1"));
        assert_eq!(own("eve", &places[..1]), None);
    }
}
