//! Where files are, in surroundings that are made up.

use std::path::{Path, PathBuf};

use mssql_mcp_client_setup::{CLIENTS, Os, Scope, Surroundings, client};

fn surroundings(os: Os) -> Surroundings {
    let windows = os == Os::Windows;
    Surroundings {
        os,
        home: "/h".into(),
        app_data: windows.then(|| "/h/AppData/Roaming".into()),
        local_app_data: windows.then(|| "/h/AppData/Local".into()),
        config_home: None,
        project: "/p".into(),
        path: vec!["/bin".into()],
    }
}

fn files(id: &str, s: &Surroundings, there: &[&str]) -> Vec<PathBuf> {
    s.files(client(id).expect(id), Scope::User, &|p| there.iter().any(|t| p == Path::new(t)))
}

#[test]
fn the_file_of_claude_desktop_is_where_each_system_has_it() {
    let name = "claude_desktop_config.json";
    for (os, folder) in [
        (Os::Linux, "/h/.config/Claude"),
        (Os::MacOs, "/h/Library/Application Support/Claude"),
        (Os::Windows, "/h/AppData/Roaming/Claude"),
    ] {
        let found = files("claude-desktop", &surroundings(os), &[]);
        assert_eq!(found, [Path::new(folder).join(name)]);
    }
    let mut s = surroundings(Os::Linux);
    s.config_home = Some("/x".into());
    assert_eq!(files("claude-desktop", &s, &[]), [Path::new("/x/Claude").join(name)]);
}

#[test]
fn both_files_of_claude_desktop_are_written_where_both_builds_are_there() {
    let store = "/h/AppData/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude";
    let usual = "/h/AppData/Roaming/Claude";
    let s = surroundings(Os::Windows);
    assert_eq!(files("claude-desktop", &s, &[store, usual]).len(), 2);
    assert!(files("claude-desktop", &s, &[store])[0].starts_with(store));
}

#[test]
fn a_client_is_there_by_its_folder_its_file_or_its_command() {
    let s = surroundings(Os::Linux);
    let has = |id: &str, there: &str| s.has(client(id).expect(id), &|p| p == Path::new(there));
    assert!(has("cursor", "/h/.cursor") && has("cursor", "/bin/cursor"));
    assert!(has("claude-code", "/h/.claude.json") && has("claude-code", "/bin/claude"));
    assert!(!has("claude-code", "/h") && !has("cursor", "/h"));
}

#[test]
fn each_client_has_a_name_of_its_own_and_a_file_somewhere() {
    for (n, c) in CLIENTS.iter().enumerate() {
        assert!(CLIENTS[n + 1..].iter().all(|o| o.id != c.id && o.name != c.name), "{}", c.id);
        let found = [Os::Linux, Os::MacOs, Os::Windows]
            .map(|os| surroundings(os).files(c, Scope::User, &|_| false).len());
        assert!(found.iter().sum::<usize>() > 0, "{}", c.id);
        if c.id != "visual-studio" {
            assert_eq!(found, [1, 1, 1], "{}", c.id);
        }
    }
}
