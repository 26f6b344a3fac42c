//! The request of an import, made before anything is sent, so that it can also only be shown.

use crate::import::Import;
use bytes::Bytes;
use shakedown_config::{Product, Xray};
use std::fmt;

/// A part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: &'static str,
    /// The file's name.
    pub file: &'static str,
    /// The media type.
    pub media_type: &'static str,
    /// The content.
    pub content: Bytes,
}

/// An import, ready to be sent. It holds no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The address of the API.
    pub base: String,
    /// The path below it.
    pub path: &'static str,
    /// The query, unescaped.
    pub query: Vec<(String, String)>,
    /// The parts of a multipart body; one that stands alone and without a name is the body itself.
    pub parts: Vec<Part>,
    /// What separates the parts.
    boundary: Option<String>,
}

impl Prepared {
    /// The request that imports `results`, a JUnit document.
    ///
    /// # Errors
    /// Where the settings say what no product takes, or lack what this form of import needs.
    pub fn new(xray: &Xray, import: &Import, results: &Bytes) -> Result<Self, String> {
        import.check()?;
        let document =
            |name| Part { name, file: "xray.xml", media_type: "text/xml", content: results.clone() };
        let base = xray.url.clone();
        if import.needs_multipart(xray) {
            let info = Bytes::from(import.info(xray)?.to_string());
            let info =
                Part { name: "info", file: "info.json", media_type: "application/json", content: info };
            let results = document(if xray.product == Product::Cloud { "results" } else { "file" });
            let path = "/import/execution/junit/multipart";
            return Ok(Self {
                base,
                path,
                query: Vec::new(),
                parts: vec![results, info],
                boundary: Some(boundary()),
            });
        }
        let (part, boundary) = match xray.product {
            Product::Cloud => (document(""), None),
            Product::DataCenter => (document("file"), Some(boundary())),
        };
        Ok(Self { base, path: "/import/execution/junit", query: import.query(), parts: vec![part], boundary })
    }

    /// The media type of the body.
    pub fn content_type(&self) -> String {
        match &self.boundary {
            Some(boundary) => format!("multipart/form-data; boundary={boundary}"),
            None => "text/xml".to_owned(),
        }
    }

    /// The body, byte for byte.
    pub fn body(&self) -> Bytes {
        let Some(boundary) = &self.boundary else {
            return self.parts.first().map(|part| part.content.clone()).unwrap_or_default();
        };
        let mut body = Vec::with_capacity(self.parts.iter().map(|part| part.content.len() + 256).sum());
        for Part { name, file, media_type, content } in &self.parts {
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\
                 Content-Type: {media_type}\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        body.into()
    }
}

/// A line that occurs in no part.
fn boundary() -> String {
    format!("shakedown-{}", uuid::Uuid::new_v4().simple())
}

/// The request as people read it; the results only by their size.
impl fmt::Display for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "POST {}{}", self.base, self.path)?;
        for (name, value) in &self.query {
            writeln!(f, "  {name} = {value}")?;
        }
        for part in &self.parts {
            let name = if part.name.is_empty() { "the body" } else { part.name };
            write!(f, "  {name}: {} ({} bytes of {})", part.file, part.content.len(), part.media_type)?;
            if part.media_type == "application/json" {
                write!(f, " {}", String::from_utf8_lossy(&part.content))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
