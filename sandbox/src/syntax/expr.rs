//! Predicates and values, from the loosest operator to the tightest.

use super::ast::{BinaryOp, Call, CompareOp, Expr, Name, Over, UnaryOp};
use super::cursor::Parser;
use super::keyword::Keyword;
use super::lexer::{TokenKind, Word};
use crate::error::{Error, Result};

impl Parser<'_> {
    pub(super) fn expressions(&mut self) -> Result<Vec<Expr>> {
        self.comma_separated(Self::expr)
    }

    // --- predicates

    pub(super) fn predicate(&mut self) -> Result<Expr> {
        let first = self.and()?;
        if !self.at(Keyword::Or) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.eat(Keyword::Or) {
            all.push(self.and()?);
        }
        Ok(Expr::Or(all))
    }

    fn and(&mut self) -> Result<Expr> {
        let first = self.not()?;
        if !self.at(Keyword::And) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.eat(Keyword::And) {
            all.push(self.not()?);
        }
        Ok(Expr::And(all))
    }

    fn not(&mut self) -> Result<Expr> {
        if self.eat(Keyword::Not) {
            return Ok(Expr::Not(Box::new(self.nested(Self::not)?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expr> {
        if self.eat(Keyword::Exists) {
            return Ok(Expr::Exists(Box::new(self.parenthesized(Self::query)?)));
        }
        if let Some(predicate) = self.predicate_in_parentheses() {
            return Ok(predicate);
        }
        let left = self.expr()?;
        if let Some(op) = self.compare_op() {
            return self.compared(op, left);
        }
        if self.eat(Keyword::Is) {
            let negated = self.eat(Keyword::Not);
            if self.eat_all(&[Keyword::Distinct, Keyword::From]) {
                return Err(Error::unsupported("IS DISTINCT FROM"));
            }
            self.expect(Keyword::Null)?;
            return Ok(Expr::IsNull { value: Box::new(left), negated });
        }
        let negated = self.eat(Keyword::Not);
        if self.eat(Keyword::In) {
            return self.in_list(left, negated);
        }
        if self.eat(Keyword::Between) {
            let low = Box::new(self.expr()?);
            self.expect(Keyword::And)?;
            let high = Box::new(self.expr()?);
            return Ok(Expr::Between { value: Box::new(left), low, high, negated });
        }
        if self.eat(Keyword::Like) {
            let pattern = Box::new(self.expr()?);
            let escape = self.optional(Keyword::Escape)?;
            return Ok(Expr::Like { value: Box::new(left), pattern, escape, negated });
        }
        if negated {
            return Err(self.unexpected());
        }
        Ok(left)
    }

    /// A parenthesis may open a predicate or a value: this tries the predicate, and leaves the
    /// tokens as they were where it is none.
    fn predicate_in_parentheses(&mut self) -> Option<Expr> {
        if !self.at_symbol("(") || self.keyword_at(1) == Some(Keyword::Select) {
            return None;
        }
        let mark = self.position;
        self.position += 1;
        if let Ok(predicate) = self.nested(Self::predicate)
            && self.eat_symbol(")")
            && predicate.is_predicate()
        {
            return Some(predicate);
        }
        self.position = mark;
        None
    }

    fn compare_op(&mut self) -> Option<CompareOp> {
        const OPERATORS: [(&str, CompareOp); 9] = [
            ("=", CompareOp::Equal),
            ("<>", CompareOp::NotEqual),
            ("!=", CompareOp::NotEqual),
            ("<=", CompareOp::LessOrEqual),
            (">=", CompareOp::GreaterOrEqual),
            ("!<", CompareOp::GreaterOrEqual),
            ("!>", CompareOp::LessOrEqual),
            ("<", CompareOp::Less),
            (">", CompareOp::Greater),
        ];
        OPERATORS.iter().find(|(symbol, _)| self.eat_symbol(symbol)).map(|(_, op)| *op)
    }

    fn compared(&mut self, op: CompareOp, left: Expr) -> Result<Expr> {
        let value = Box::new(left);
        if self.at_any(&[Keyword::All, Keyword::Any, Keyword::Some]) && self.symbol_at(1, "(") {
            let all = self.at(Keyword::All);
            self.position += 1;
            let query = Box::new(self.parenthesized(Self::query)?);
            return Ok(Expr::Quantified { op, value, all, query });
        }
        Ok(Expr::Compare(op, value, Box::new(self.expr()?)))
    }

    fn in_list(&mut self, left: Expr, negated: bool) -> Result<Expr> {
        let value = Box::new(left);
        self.parenthesized(|p| {
            if p.at_any(&[Keyword::Select, Keyword::With]) {
                return Ok(Expr::InQuery { value, query: Box::new(p.query()?), negated });
            }
            Ok(Expr::In { value, list: p.expressions()?, negated })
        })
    }

    /// An expression behind a keyword, if that is next.
    fn optional(&mut self, keyword: Keyword) -> Result<Option<Box<Expr>>> {
        if self.eat(keyword) { self.expr().map(|e| Some(Box::new(e))) } else { Ok(None) }
    }

    // --- values

    pub(super) fn expr(&mut self) -> Result<Expr> {
        let mut left = self.term()?;
        for length in 1.. {
            let op = match self.peek() {
                TokenKind::Symbol("+") => BinaryOp::Add,
                TokenKind::Symbol("-") => BinaryOp::Subtract,
                TokenKind::Symbol("&") => BinaryOp::BitAnd,
                TokenKind::Symbol("|") => BinaryOp::BitOr,
                TokenKind::Symbol("^") => BinaryOp::BitXor,
                _ => break,
            };
            self.check_chain(length)?;
            self.position += 1;
            left = Expr::Binary(op, Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Expr> {
        let mut left = self.unary()?;
        for length in 1.. {
            let op = match self.peek() {
                TokenKind::Symbol("*") => BinaryOp::Multiply,
                TokenKind::Symbol("/") => BinaryOp::Divide,
                TokenKind::Symbol("%") => BinaryOp::Modulo,
                _ => break,
            };
            self.check_chain(length)?;
            self.position += 1;
            left = Expr::Binary(op, Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    pub(super) fn unary(&mut self) -> Result<Expr> {
        let op = match self.peek() {
            TokenKind::Symbol("-") => UnaryOp::Minus,
            TokenKind::Symbol("+") => UnaryOp::Plus,
            TokenKind::Symbol("~") => UnaryOp::BitNot,
            _ => return self.postfix(),
        };
        self.position += 1;
        Ok(Expr::Unary(op, Box::new(self.nested(Self::unary)?)))
    }

    /// A value with what may stand behind it.
    fn postfix(&mut self) -> Result<Expr> {
        let mut value = self.primary()?;
        while self.eat(Keyword::Collate) {
            value = Expr::Collate(Box::new(value), self.identifier()?);
        }
        if self.eat_all(&[Keyword::At, Keyword::Time, Keyword::Zone]) {
            return Err(Error::unsupported("AT TIME ZONE"));
        }
        Ok(value)
    }

    pub(super) fn primary(&mut self) -> Result<Expr> {
        let constant = match self.peek() {
            TokenKind::Number(n) if n.contains(['e', 'E']) => Expr::Float(n.clone()),
            TokenKind::Number(n) if n.contains('.') => Expr::Decimal(n.clone()),
            TokenKind::Number(n) => Expr::Integer(n.clone()),
            TokenKind::Money(n) => Expr::Money(n.clone()),
            TokenKind::Text(text) => Expr::Text(text.clone()),
            TokenKind::UnicodeText(text) => Expr::UnicodeText(text.clone()),
            TokenKind::Bytes(bytes) => Expr::Bytes(bytes.clone()),
            TokenKind::Variable(name) => Expr::Variable(name.clone()),
            TokenKind::Symbol("(") => {
                return self.parenthesized(|p| {
                    if p.at_any(&[Keyword::Select, Keyword::With]) {
                        return Ok(Expr::Subquery(Box::new(p.query()?)));
                    }
                    p.nested(Self::expr)
                });
            }
            TokenKind::Quoted(_) => return self.column_or_call(),
            TokenKind::Word(word) => {
                let word = word.clone();
                return self.word_value(&word);
            }
            TokenKind::Symbol(_) | TokenKind::End => return Err(self.unexpected()),
        };
        self.position += 1;
        Ok(constant)
    }

    /// A value that begins with a word.
    fn word_value(&mut self, word: &Word) -> Result<Expr> {
        let called = self.symbol_at(1, "(");
        match word.keyword {
            Some(Keyword::Null) => {
                self.position += 1;
                Ok(Expr::Null)
            }
            Some(Keyword::Case) => self.nested(Self::case),
            Some(Keyword::Cast | Keyword::TryCast) if called => self.nested(Self::cast),
            Some(Keyword::Convert | Keyword::TryConvert) => self.nested(Self::convert),
            Some(keyword @ (Keyword::Parse | Keyword::TryParse)) if called => {
                Err(Error::unsupported(format!("the function {}", keyword.text())))
            }
            Some(Keyword::Next) if self.keyword_at(1) == Some(Keyword::Value) => {
                self.position += 2;
                self.expect(Keyword::For)?;
                let name = self.name()?;
                if self.at(Keyword::Over) {
                    return Err(Error::unsupported("NEXT VALUE FOR … OVER"));
                }
                Ok(Expr::NextValue(name))
            }
            Some(Keyword::Left | Keyword::Right) if called => {
                self.position += 1;
                self.call(&word.text)
            }
            Some(
                keyword @ (Keyword::CurrentTimestamp
                | Keyword::CurrentUser
                | Keyword::SessionUser
                | Keyword::SystemUser
                | Keyword::User),
            ) => {
                self.position += 1;
                Ok(Expr::Call(Call::plain(keyword.text(), Vec::new())))
            }
            Some(Keyword::Iif) if called => self.nested(Self::iif),
            _ => self.column_or_call(),
        }
    }

    fn cast(&mut self) -> Result<Expr> {
        let attempt = self.at(Keyword::TryCast);
        self.position += 1;
        self.parenthesized(|p| {
            let value = Box::new(p.expr()?);
            p.expect(Keyword::As)?;
            Ok(Expr::Cast { value, ty: p.converted_type()?, style: None, attempt })
        })
    }

    fn convert(&mut self) -> Result<Expr> {
        let attempt = self.at(Keyword::TryConvert);
        self.position += 1;
        self.parenthesized(|p| {
            let ty = p.converted_type()?;
            p.expect_symbol(",")?;
            let value = Box::new(p.expr()?);
            let style = if p.eat_symbol(",") { Some(Box::new(p.expr()?)) } else { None };
            Ok(Expr::Cast { value, ty, style, attempt })
        })
    }

    /// `IIF(predicate, yes, no)`, which is a CASE.
    fn iif(&mut self) -> Result<Expr> {
        self.position += 1;
        self.parenthesized(|p| {
            let condition = p.predicate()?;
            p.expect_symbol(",")?;
            let yes = p.expr()?;
            p.expect_symbol(",")?;
            let otherwise = Some(Box::new(p.expr()?));
            Ok(Expr::Case { operand: None, whens: vec![(condition, yes)], otherwise })
        })
    }

    fn case(&mut self) -> Result<Expr> {
        self.expect(Keyword::Case)?;
        let operand = if self.at(Keyword::When) { None } else { Some(Box::new(self.expr()?)) };
        let mut whens = Vec::new();
        while self.eat(Keyword::When) {
            let condition = if operand.is_some() { self.expr()? } else { self.predicate()? };
            self.expect(Keyword::Then)?;
            whens.push((condition, self.expr()?));
        }
        let otherwise = self.optional(Keyword::Else)?;
        self.expect(Keyword::End)?;
        if whens.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Expr::Case { operand, whens, otherwise })
    }

    fn column_or_call(&mut self) -> Result<Expr> {
        let mut parts = vec![self.identifier()?];
        while self.eat_symbol(".") {
            parts.push(self.identifier()?);
        }
        if self.at_symbol("::") {
            let what = format!("{}::, a method of a CLR type", parts.join("."));
            return Err(Error::unsupported(what));
        }
        if !self.at_symbol("(") {
            return Ok(Expr::Column(parts));
        }
        match parts.as_slice() {
            [name] => self.call(name),
            _ => Ok(Expr::OwnCall(Name(parts), self.own_arguments()?)),
        }
    }

    // --- calls

    /// Of a function of one's own: the word DEFAULT is none that the sandbox takes.
    pub(super) fn own_arguments(&mut self) -> Result<Vec<Expr>> {
        self.parenthesized(|p| {
            if p.at_symbol(")") {
                return Ok(Vec::new());
            }
            if p.at(Keyword::Default) {
                return Err(Error::unsupported("DEFAULT as an argument of a function"));
            }
            p.nested(Self::expressions)
        })
    }

    /// Of the function whose name was read.
    fn call(&mut self, name: &str) -> Result<Expr> {
        let mut call = Call::plain(name.to_ascii_uppercase(), Vec::new());
        self.expect_symbol("(")?;
        call.distinct = self.eat(Keyword::Distinct);
        if !call.distinct {
            self.eat(Keyword::All);
        }
        let sides = [Keyword::Leading, Keyword::Trailing, Keyword::Both];
        if call.name == "TRIM" && self.at_any(&sides) {
            return Err(Error::unsupported("TRIM of one side"));
        }
        if self.eat_symbol("*") {
            call.star = true;
        } else if !self.at_symbol(")") {
            call.args = self.nested(Self::expressions)?;
        }
        if self.at_any(&[Keyword::From, Keyword::Using]) {
            let what = format!("this form of the function {}", call.name);
            return Err(Error::unsupported(what));
        }
        self.refuse_null_treatment()?;
        self.expect_symbol(")")?;
        self.refuse_null_treatment()?;
        if self.eat_all(&[Keyword::Within, Keyword::Group]) {
            call.within_group = self.parenthesized(|p| {
                if !p.eat_all(&[Keyword::Order, Keyword::By]) {
                    return Err(p.unexpected());
                }
                p.order_list()
            })?;
        }
        if self.eat(Keyword::Over) {
            call.over = Some(Box::new(self.over()?));
        }
        Ok(Expr::Call(call))
    }

    fn refuse_null_treatment(&self) -> Result<()> {
        if self.at_any(&[Keyword::Respect, Keyword::Ignore]) {
            return Err(Error::unsupported("IGNORE NULLS"));
        }
        Ok(())
    }

    fn over(&mut self) -> Result<Over> {
        self.parenthesized(|p| {
            let mut over = Over { partition: Vec::new(), order: Vec::new(), frame: None };
            if p.eat_all(&[Keyword::Partition, Keyword::By]) {
                over.partition = p.expressions()?;
            }
            if p.eat_all(&[Keyword::Order, Keyword::By]) {
                over.order = p.order_list()?;
            }
            if p.at_any(&[Keyword::Rows, Keyword::Range]) {
                over.frame = Some(p.frame()?);
            }
            Ok(over)
        })
    }

    /// The words and numbers up to the closing parenthesis.
    fn frame(&mut self) -> Result<String> {
        let start = self.offset();
        while !self.at_symbol(")") {
            if !matches!(self.peek(), TokenKind::Word(_) | TokenKind::Number(_)) {
                return Err(self.unexpected());
            }
            self.position += 1;
        }
        Ok(self.text_from(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax;

    /// A tree as nested lists.
    fn shape(e: &Expr) -> String {
        let all = |list: &[Expr]| list.iter().map(shape).collect::<Vec<_>>().join(" ");
        let not = |negated: bool| if negated { "not-" } else { "" };
        match e {
            Expr::Null => "null".into(),
            Expr::Integer(n) => n.clone(),
            Expr::Decimal(n) => format!("d{n}"),
            Expr::Float(n) => format!("f{n}"),
            Expr::Money(n) => format!("${n}"),
            Expr::Text(text) => format!("'{text}'"),
            Expr::UnicodeText(text) => format!("N'{text}'"),
            Expr::Bytes(bytes) => format!("{bytes:02x?}"),
            Expr::Column(parts) => parts.join("."),
            Expr::Variable(name) => name.clone(),
            Expr::Unary(op, a) => format!("({op:?} {})", shape(a)),
            Expr::Binary(op, a, b) => format!("({} {} {})", op.symbol(), shape(a), shape(b)),
            Expr::Compare(op, a, b) => format!("({} {} {})", op.symbol(), shape(a), shape(b)),
            Expr::And(list) => format!("(and {})", all(list)),
            Expr::Or(list) => format!("(or {})", all(list)),
            Expr::Not(a) => format!("(not {})", shape(a)),
            Expr::Collate(a, name) => format!("({name} {})", shape(a)),
            Expr::IsNull { value, negated } => format!("({}null {})", not(*negated), shape(value)),
            Expr::In { value, list, negated } => {
                format!("({}in {} {})", not(*negated), shape(value), all(list))
            }
            Expr::Between { value, low, high, negated } => {
                let (value, low, high) = (shape(value), shape(low), shape(high));
                format!("({}between {value} {low} {high})", not(*negated))
            }
            Expr::Like { value, pattern, escape, negated } => {
                let escape = escape.as_deref().map(shape).unwrap_or_default();
                format!("({}like {} {} {escape})", not(*negated), shape(value), shape(pattern))
            }
            Expr::Case { operand, whens, otherwise } => {
                let whens: Vec<String> =
                    whens.iter().map(|(a, b)| format!("{}:{}", shape(a), shape(b))).collect();
                let part = |e: &Option<Box<Expr>>| e.as_deref().map_or("-".into(), shape);
                format!("(case {} {} {})", part(operand), whens.join(" "), part(otherwise))
            }
            Expr::Cast { value, ty, style, attempt } => {
                let style = style.as_deref().map(shape).unwrap_or_default();
                let attempt = if *attempt { "try-" } else { "" };
                format!("({attempt}cast {} {ty} {style})", shape(value))
            }
            Expr::OwnCall(name, args) => format!("({} {})", name.0.join("."), all(args)),
            Expr::NextValue(name) => format!("(next {})", name.0.join(".")),
            Expr::Call(call) => {
                let flag = |on: bool, name: &str| if on { format!(" {name}") } else { "".into() };
                let over = call.over.as_ref().map_or(String::new(), |over| {
                    let order =
                        over.order.iter().map(|o| shape(&o.expr) + &flag(o.descending, "desc"));
                    let order = order.collect::<Vec<_>>().join(",");
                    let frame = over.frame.as_deref().unwrap_or("-");
                    format!(" over {}/{order}/{frame}", all(&over.partition))
                });
                let within: Vec<String> = call
                    .within_group
                    .iter()
                    .map(|o| format!(" within {}{}", shape(&o.expr), flag(o.descending, "desc")))
                    .collect();
                format!(
                    "({}{}{} {}{}{over})",
                    call.name,
                    flag(call.distinct, "distinct"),
                    flag(call.star, "*"),
                    all(&call.args),
                    within.concat()
                )
            }
            Expr::Quantified { op, value, all, .. } => {
                format!("({} {} {})", op.symbol(), shape(value), if *all { "all" } else { "any" })
            }
            Expr::InQuery { value, negated, .. } => {
                format!("({}in {} query)", not(*negated), shape(value))
            }
            Expr::Subquery(_) => "query".into(),
            Expr::Exists(_) => "(exists query)".into(),
        }
    }

    fn parsed(text: &str) -> String {
        let mut parser = Parser::new(text).expect(text);
        let e = parser.predicate().expect(text);
        parser.expect_end().expect(text);
        shape(&e)
    }

    fn refused(text: &str) -> u32 {
        match syntax::batch(&format!("SELECT {text}")) {
            Ok(tree) => panic!("{text}: {tree:?}"),
            Err(e) => e.number,
        }
    }

    #[test]
    fn operators_bind_as_the_server_ranks_them() {
        let cases = [
            ("1+2*3", "(+ 1 (* 2 3))"),
            ("(1+2)*3", "(* (+ 1 2) 3)"),
            ("8-4-2", "(- (- 8 4) 2)"),
            ("8/4%3*2", "(* (% (/ 8 4) 3) 2)"),
            ("1|2&3^4", "(^ (& (| 1 2) 3) 4)"),
            ("-a+b", "(+ (Minus a) b)"),
            ("- -1", "(Minus (Minus 1))"),
            ("+~1", "(Plus (BitNot 1))"),
            ("-a COLLATE c", "(Minus (c a))"),
            ("a=1 OR b=2 AND c=3", "(or (= a 1) (and (= b 2) (= c 3)))"),
            ("a=1 OR b=2 OR c=3", "(or (= a 1) (= b 2) (= c 3))"),
            ("NOT a=1 AND b=2", "(and (not (= a 1)) (= b 2))"),
            ("NOT NOT a=1", "(not (not (= a 1)))"),
            ("(a=1 OR b=2) AND c=3", "(and (or (= a 1) (= b 2)) (= c 3))"),
            ("((a))=(b)", "(= a b)"),
            ("(a+1)*2 > 3", "(> (* (+ a 1) 2) 3)"),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn predicates() {
        let cases = [
            ("a<>1", "(<> a 1)"),
            ("a!=1", "(<> a 1)"),
            ("a!<1", "(>= a 1)"),
            ("a!>1", "(<= a 1)"),
            ("a<=1", "(<= a 1)"),
            ("a>=1", "(>= a 1)"),
            ("a<1", "(< a 1)"),
            ("a IS NULL", "(null a)"),
            ("a IS NOT NULL", "(not-null a)"),
            ("a IN (1, 2)", "(in a 1 2)"),
            ("a NOT IN (1)", "(not-in a 1)"),
            ("a IN (SELECT 1)", "(in a query)"),
            ("a NOT IN (SELECT 1)", "(not-in a query)"),
            ("a BETWEEN 1 AND 2 AND b=3", "(and (between a 1 2) (= b 3))"),
            ("a NOT BETWEEN 1 AND 2", "(not-between a 1 2)"),
            ("a LIKE 'b'", "(like a 'b' )"),
            ("a NOT LIKE 'b' ESCAPE 'c'", "(not-like a 'b' 'c')"),
            ("EXISTS (SELECT 1)", "(exists query)"),
            ("a = ALL (SELECT 1)", "(= a all)"),
            ("a > ANY (SELECT 1)", "(> a any)"),
            ("a < SOME (SELECT 1)", "(< a any)"),
            ("(SELECT 1) = 1", "(= query 1)"),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn values() {
        let cases = [
            ("NULL", "null"),
            ("1.5", "d1.5"),
            ("1e5", "f1e5"),
            ("$2", "$2"),
            ("'a'", "'a'"),
            ("N'a'", "N'a'"),
            ("0xAB", "[ab]"),
            ("@v", "@v"),
            ("a.b.[c d]", "a.b.c d"),
            ("(SELECT 1)", "query"),
            ("CASE WHEN a=1 THEN 2 ELSE 3 END", "(case - (= a 1):2 3)"),
            ("CASE a WHEN 1 THEN 2 WHEN 3 THEN 4 END", "(case a 1:2 3:4 -)"),
            ("IIF(a=1, 2, 3)", "(case - (= a 1):2 3)"),
            ("CAST(a AS varchar)", "(cast a varchar(30) )"),
            ("CAST(a AS varchar(5))", "(cast a varchar(5) )"),
            ("TRY_CAST(a AS int)", "(try-cast a int )"),
            ("CONVERT(char, a, 1)", "(cast a char(30) 1)"),
            ("TRY_CONVERT(varbinary, a)", "(try-cast a varbinary(30) )"),
            ("CURRENT_TIMESTAMP", "(CURRENT_TIMESTAMP )"),
            ("current_user", "(CURRENT_USER )"),
            ("left(a, 1)", "(LEFT a 1)"),
            ("COUNT(*)", "(COUNT * )"),
            ("COUNT(DISTINCT a)", "(COUNT distinct a)"),
            ("COUNT(ALL a)", "(COUNT a)"),
            ("F()", "(F )"),
            ("next", "next"),
            ("G(a) WITHIN GROUP (ORDER BY b DESC)", "(G a within b desc)"),
            ("SUM(a) OVER ()", "(SUM a over //-)"),
            (
                "SUM(a) OVER (PARTITION BY b ORDER BY c, d DESC ROWS 1 PRECEDING)",
                "(SUM a over b/c,d desc/ROWS 1 PRECEDING)",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn calls_of_ones_own_functions_and_sequences() {
        assert_eq!(parsed("dbo.f(1, a) + 2"), "(+ (dbo.f 1 a) 2)");
        assert_eq!(parsed("d.dbo.f()"), "(d.dbo.f )");
        assert_eq!(parsed("NEXT VALUE FOR dbo.s"), "(next dbo.s)");
    }

    #[test]
    fn what_is_no_expression() {
        for text in ["", "1 +", "(1", "a.", "CASE END", "CAST(1)", "1 WHERE a NOT 2", "f(1,)"] {
            assert!(matches!(refused(text), 102 | 156), "{text}");
        }
        let elsewhere = [
            "PARSE('1' AS int)",
            "TRY_PARSE('1' AS int)",
            "NEXT VALUE FOR s OVER (ORDER BY a)",
            "a AT TIME ZONE 'UTC'",
            "geography::Point(1)",
            "dbo.f(DEFAULT)",
            "TRIM(LEADING 'x' FROM 'y')",
            "TRIM('x' FROM 'y')",
            "LAG(a) IGNORE NULLS OVER (ORDER BY a)",
            "LAG(a RESPECT NULLS) OVER (ORDER BY a)",
            "1 WHERE 1 IS DISTINCT FROM 2",
        ];
        for text in elsewhere {
            assert_eq!(refused(text), 49_999, "{text}");
        }
    }
}
