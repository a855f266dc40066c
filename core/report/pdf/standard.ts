/**
 * What PDF/A-2a (ISO 19005-2) and PDF/UA-1 (ISO 14289-1) ask of a file beyond what PDFKit writes by itself: metadata whose
 * text is escaped, the mark of PDF/UA with the description of its schema, and a file identifier that follows from the content.
 */
import { createHash } from 'node:crypto';

/** PDFKit's own members that its types leave out. */
interface Internals {
  info: Record<string, string | Date>;
  _id: Buffer;
  _addInfo(): void;
  appendXML(xml: string, newline?: boolean): void;
}

const PDF_UA = `
        <rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
            <pdfuaid:part>1</pdfuaid:part>
        </rdf:Description>
        <rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
            <pdfaExtension:schemas>
                <rdf:Bag>
                    <rdf:li rdf:parseType="Resource">
                        <pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>
                        <pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
                        <pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
                        <pdfaSchema:property>
                            <rdf:Seq>
                                <rdf:li rdf:parseType="Resource">
                                    <pdfaProperty:name>part</pdfaProperty:name>
                                    <pdfaProperty:valueType>Integer</pdfaProperty:valueType>
                                    <pdfaProperty:category>internal</pdfaProperty:category>
                                    <pdfaProperty:description>Part of ISO 14289 to which the document conforms</pdfaProperty:description>
                                </rdf:li>
                            </rdf:Seq>
                        </pdfaSchema:property>
                    </rdf:li>
                </rdf:Bag>
            </pdfaExtension:schemas>
        </rdf:Description>
`;

/** @param content what the file's identifier is made from: the same for the same report, whatever its date */
export function conform(pdf: PDFKit.PDFDocument, content: string): void {
  const own = pdf as unknown as Internals;
  own._id = createHash('md5').update(content).digest();
  const addInfo = own._addInfo;
  own._addInfo = () => {
    const plain = own.info;
    own.info = Object.fromEntries(
      Object.entries(plain).map(([key, value]) => [key, typeof value === 'string' ? escaped(value) : value]),
    );
    addInfo.call(pdf);
    own.info = plain;
    own.appendXML(PDF_UA);
  };
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
