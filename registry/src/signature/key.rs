//! Keys: ECDSA on the curve P-256, in PEM, as cosign and OpenSSL write them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Nonce, XSalsa20Poly1305};
use dstream_reference::{PublicKeyError, decode_pem};
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use serde::Deserialize;
use thiserror::Error;

/// What signs.
pub struct PrivateKey(SigningKey);

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum KeyError {
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    #[error("it is encrypted, and there is no password")]
    NoPassword,
    #[error("the password is wrong, or the key is damaged")]
    WrongPassword,
    #[error("its encryption is not understood: {0}")]
    Encryption(String),
}

/// Never shows the key.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

impl PrivateKey {
    /// Reads a private key: PKCS #8, SEC1, or encrypted as cosign does it.
    ///
    /// # Errors
    ///
    /// If it is none, of another algorithm, or the password does not open it.
    pub fn from_pem(text: &str, password: Option<&[u8]>) -> Result<Self, KeyError> {
        let (label, bytes) = decode_pem(text)?;
        let key = match label.as_str() {
            "PRIVATE KEY" => SecretKey::from_pkcs8_der(&bytes).ok(),
            "EC PRIVATE KEY" => SecretKey::from_sec1_der(&bytes).ok(),
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                let opened = open(&bytes, password.ok_or(KeyError::NoPassword)?)?;
                SecretKey::from_pkcs8_der(&opened).ok()
            }
            _ => return Err(PublicKeyError::OtherKind(label.to_ascii_lowercase()).into()),
        };
        key.map(|key| Self(SigningKey::from(key))).ok_or(PublicKeyError::OtherAlgorithm.into())
    }

    /// The signature of a text, in base64.
    pub(crate) fn sign(&self, text: &[u8]) -> String {
        let signature: DerSignature = self.0.sign(text);
        STANDARD.encode(signature.as_bytes())
    }

    #[cfg(test)]
    pub(crate) fn generate() -> Self {
        loop {
            let bytes: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
            if let Ok(key) = SecretKey::from_slice(&bytes) {
                return Self(SigningKey::from(key));
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn public_key(&self) -> dstream_reference::PublicKey {
        dstream_reference::PublicKey::from(*self.0.verifying_key())
    }
}

/// Opens an encrypted key: a JSON object with a key derived by scrypt and a box of NaCl.
fn open(json: &[u8], password: &[u8]) -> Result<Vec<u8>, KeyError> {
    #[derive(Deserialize)]
    struct Sealed {
        kdf: Kdf,
        cipher: Cipher,
        ciphertext: String,
    }
    #[derive(Deserialize)]
    struct Kdf {
        name: String,
        params: Params,
        salt: String,
    }
    #[derive(Deserialize)]
    struct Params {
        #[serde(rename = "N")]
        n: u64,
        r: u32,
        p: u32,
    }
    #[derive(Deserialize)]
    struct Cipher {
        name: String,
        nonce: String,
    }
    let bad = |what: &str| KeyError::Encryption(what.to_owned());
    let sealed: Sealed =
        serde_json::from_slice(json).map_err(|error| KeyError::Encryption(error.to_string()))?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(bad("it is not scrypt with nacl/secretbox"));
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| bad("a part is not base64"));
    let Params { n, r, p } = sealed.kdf.params;
    // Memory is 128 * N * r bytes: cosign takes 32 MiB; 1 GiB is refused.
    let sane = n.is_power_of_two() && n > 1 && r > 0 && p > 0 && p <= 16;
    if !sane || n.saturating_mul(u64::from(r)) > 1 << 22 {
        return Err(bad("its cost is out of bounds"));
    }
    let params = scrypt::Params::new(n.trailing_zeros() as u8, r, p)
        .map_err(|_| bad("its cost is out of bounds"))?;
    let mut key = [0; 32];
    scrypt::scrypt(password, &decode(&sealed.kdf.salt)?, &params, &mut key)
        .map_err(|_| bad("its cost is out of bounds"))?;
    let nonce: [u8; 24] =
        decode(&sealed.cipher.nonce)?.try_into().map_err(|_| bad("its nonce is not 24 bytes"))?;
    XSalsa20Poly1305::new(&key.into())
        .decrypt(&Nonce::from(nonce), decode(&sealed.ciphertext)?.as_slice())
        .map_err(|_| KeyError::WrongPassword)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::path::Path;
    use std::process::Command;

    use dstream_reference::PublicKey;

    use super::*;

    /// Runs OpenSSL; `None` where there is none.
    fn openssl(folder: &Path, arguments: &[&str]) -> Option<()> {
        let output = match Command::new("openssl").args(arguments).current_dir(folder).output() {
            Ok(output) => output,
            Err(_) => {
                let _ = writeln!(std::io::stderr(), "left out: there is no openssl");
                return None;
            }
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(())
    }

    #[test]
    fn openssl_and_we_understand_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let make = ["ecparam", "-name", "prime256v1", "-genkey", "-out", "sec1.pem"];
        let Some(()) = openssl(folder, &make) else { return };
        openssl(folder, &["pkcs8", "-topk8", "-nocrypt", "-in", "sec1.pem", "-out", "key.pem"]);
        openssl(folder, &["ec", "-in", "sec1.pem", "-pubout", "-out", "pub.pem"]);
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let public = PublicKey::from_pem(&read("pub.pem")).unwrap();
        for name in ["sec1.pem", "key.pem"] {
            let key = PrivateKey::from_pem(&read(name), None).unwrap();
            fs::write(folder.join("text"), "a text").unwrap();
            fs::write(folder.join("sig"), STANDARD.decode(key.sign(b"a text")).unwrap()).unwrap();
            let verify = ["dgst", "-sha256", "-verify", "pub.pem", "-signature", "sig", "text"];
            openssl(folder, &verify);
        }
        openssl(folder, &["dgst", "-sha256", "-sign", "key.pem", "-out", "theirs", "text"]);
        let theirs = fs::read(folder.join("theirs")).unwrap();
        assert!(public.verify(b"a text", &theirs));
        assert!(!public.verify(b"another", &theirs));

        openssl(folder, &["genpkey", "-algorithm", "ed25519", "-out", "ed.pem"]);
        openssl(folder, &["pkey", "-in", "ed.pem", "-pubout", "-out", "edpub.pem"]);
        assert_eq!(PublicKey::from_pem(&read("edpub.pem")), Err(PublicKeyError::OtherAlgorithm));
        assert_eq!(
            PrivateKey::from_pem(&read("ed.pem"), None).unwrap_err(),
            KeyError::Key(PublicKeyError::OtherAlgorithm)
        );
        assert!(matches!(PublicKey::from_pem(&read("key.pem")), Err(PublicKeyError::OtherKind(_))));
        assert_eq!(PublicKey::from_pem("ssh-rsa AAAA"), Err(PublicKeyError::NoPem));
        assert_eq!(PublicKey::from_pem(""), Err(PublicKeyError::NoPem));
    }

    /// A key sealed as cosign seals it.
    fn sealed(password: &[u8], der: &[u8], n: u64) -> String {
        let (salt, nonce) = ([7; 32], [9; 24]);
        let mut key = [0; 32];
        let params = scrypt::Params::new(10, 8, 1).unwrap();
        scrypt::scrypt(password, &salt, &params, &mut key).unwrap();
        let sealed = XSalsa20Poly1305::new(&key.into()).encrypt(&Nonce::from(nonce), der).unwrap();
        let json = serde_json::json!({
            "kdf": { "name": "scrypt", "params": { "N": n, "r": 8, "p": 1 }, "salt": STANDARD.encode(salt) },
            "cipher": { "name": "nacl/secretbox", "nonce": STANDARD.encode(nonce) },
            "ciphertext": STANDARD.encode(sealed),
        });
        let body = STANDARD.encode(json.to_string());
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let label = "ENCRYPTED SIGSTORE PRIVATE KEY";
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }

    #[test]
    fn a_sealed_key_opens_with_its_password_only() {
        use p256::pkcs8::EncodePrivateKey as _;
        let secret = SecretKey::from_slice(&[5; 32]).unwrap();
        let der = secret.to_pkcs8_der().unwrap();
        let pem = sealed(b"secret", der.as_bytes(), 1024);
        let key = PrivateKey::from_pem(&pem, Some(b"secret")).unwrap();
        assert_eq!(key.public_key(), (*SigningKey::from(secret).verifying_key()).into());
        let wrong = PrivateKey::from_pem(&pem, Some(b"wrong")).unwrap_err();
        assert_eq!(wrong, KeyError::WrongPassword);
        assert_eq!(PrivateKey::from_pem(&pem, None).unwrap_err(), KeyError::NoPassword);
        let costly = sealed(b"secret", der.as_bytes(), 1 << 40);
        let refused = PrivateKey::from_pem(&costly, Some(b"secret")).unwrap_err();
        assert!(matches!(refused, KeyError::Encryption(_)));
        assert_eq!(format!("{key:?}"), "PrivateKey(…)");
    }
}
