use crate::request_id::FreshIds;

use super::*;

const DATE: &str = "date: Sun, 29 Nov 2026 01:50:38 GMT\r\n";

fn bare(status: &str, connection: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n{connection}{DATE}\r\n")
}

#[test]
fn finds_a_bare_answer_wherever_it_begins() {
    let ours = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-request-id: a\r\n\r\n{}";
    for status in [
        "400 Bad Request",
        "431 Request Header Fields Too Large",
        "408 Request Timeout",
        "500 Internal Server Error",
    ] {
        for connection in [
            "",
            "connection: close\r\n",
            "connection: keep-alive\r\n",
            "connection: upgrade\r\n",
        ] {
            let bare = bare(status, connection);
            for front in ["", ours, &ours.repeat(3)] {
                let text = format!("{front}{bare}");
                let (start, found) = BareAnswer::find_last(text.as_bytes()).unwrap();
                assert_eq!(start, front.len());
                assert_eq!(found.status.to_string(), status);
                assert!(found.refusal().is_some());
            }
        }
    }
}

#[test]
fn what_says_more_is_not_bare() {
    for text in [
        String::new(),
        "\r\n\r\n".to_owned(),
        "HTTP/1.1 100 Continue\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 68\r\n\r\n".to_owned(),
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-request-id: a\r\n\r\n".to_owned(),
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ncontent-type: a\r\n\r\n".to_owned(),
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n{}".to_owned(),
        "HTTP/1.1\r\ncontent-length: 0\r\n\r\n".to_owned(),
        bare("400 Bad Request", "") + "\r\n\r\n",
        bare(
            "400 Bad Request",
            &format!("connection: {}\r\n", "x".repeat(LONGEST)),
        ),
    ] {
        assert_eq!(BareAnswer::find_last(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn other_statuses_are_left_as_they_are() {
    let text = bare("204 No Content", "");
    let (_, found) = BareAnswer::find_last(text.as_bytes()).unwrap();
    assert_eq!(found.refusal(), None);
}

#[test]
fn says_in_its_place_what_every_error_says() {
    let text = bare("431 Request Header Fields Too Large", "").replace("HTTP/1.1", "HTTP/1.0");
    let (_, found) = BareAnswer::find_last(text.as_bytes()).unwrap();
    let id = FreshIds::new().next();
    let answer = found.put_into_words(found.refusal().unwrap(), &id);
    let answer = std::str::from_utf8(&answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (length, id) = (body.len(), id.as_str());
    assert_eq!(
        format!("{head}\r\n"),
        format!(
            "HTTP/1.0 400 Bad Request\r\ncontent-length: {length}\r\nconnection: close\r\n\
             content-type: application/problem+json\r\nx-request-id: {id}\r\n{DATE}"
        )
    );
    let problem: Problem = serde_json::from_str(body).unwrap();
    assert_eq!((problem.status, problem.request_id.as_str()), (400, id));
}
