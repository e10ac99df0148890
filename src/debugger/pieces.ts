// A long text as pieces of about the same size, so that it can be written in many turns.

/** The characters of a piece. */
const PIECE_CHARACTERS = 16_384

export class Pieces {
  private readonly all: Buffer[] = []
  private bytes = 0
  /** The next piece. */
  private text = ''

  add(text: string): void {
    this.text += text
    if (this.text.length >= PIECE_CHARACTERS) this.cut()
  }

  /** Ends the text. Returns the pieces, and the bytes of all. */
  end(): { readonly all: readonly Buffer[]; readonly bytes: number } {
    this.cut()
    return { all: this.all, bytes: this.bytes }
  }

  private cut(): void {
    if (this.text === '') return
    const piece = Buffer.from(this.text)
    this.all.push(piece)
    this.bytes += piece.length
    this.text = ''
  }
}
