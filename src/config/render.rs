//! Problems as people read them (as rustc shows them) and as programs do (JSON rows).

use super::problem::{Problem, Problems, Severity};
use super::span::{Files, Span};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

/// Every problem with its place, the line, a caret and the help; literal secrets show as `*`.
pub fn human(problems: &Problems, colours: bool) -> String {
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for problem in problems.iter() {
        out.push_str(&renderer.render(&[report(&problems.files, problem)]));
        out.push_str("\n\n");
    }
    out
}

/// `[{file, line, column, code, message, help}]`, with `severity`; line and column count from 1.
pub fn json(problems: &Problems) -> Value {
    problems.iter().map(|problem| row(&problems.files, problem)).collect()
}

fn row(files: &Files, problem: &Problem) -> Value {
    let file = files.file(problem.at.file);
    let (line, column) = file.map_or((1, 1), |file| file.line_and_column(problem.at.start));
    json!({
        "file": file.map(|file| file.path.display().to_string()),
        "line": line,
        "column": column,
        "severity": problem.severity.code(),
        "code": problem.code,
        "message": problem.message,
        "help": problem.help,
    })
}

fn report<'a>(files: &Files, problem: &'a Problem) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        level.primary_title(problem.message.as_str()).id(problem.code).elements([] as [Origin<'a>; 0]);
    group = place(group, files, problem.at, AnnotationKind::Primary, None);
    if let Some((at, label)) = &problem.other {
        group = place(group, files, *at, AnnotationKind::Context, Some(label.as_str()));
    }
    match &problem.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// Adds the lines of a span; a file that could not be read has a name only.
fn place<'a>(
    group: Group<'a>,
    files: &Files,
    at: Span,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Group<'a> {
    let Some(file) = files.file(at.file) else { return group };
    let path = file.path.display().to_string();
    if file.text.is_empty() {
        return group.element(Origin::path(path));
    }
    let first_line_end =
        file.text.get(at.start..at.end).and_then(|text| text.find('\n')).map(|n| at.start + n);
    let end = first_line_end.unwrap_or(at.end);
    let (start, lines) = file.shown_lines(at.start..end);
    let (line, _) = file.line_and_column(at.start);
    let within = |byte: usize| byte.saturating_sub(start).min(lines.len());
    let mut mark: Annotation<'_> = kind.span(within(at.start)..within(end));
    if let Some(label) = label {
        mark = mark.label(label);
    }
    group.element(Snippet::source(lines).line_start(line).path(path).annotation(mark))
}
