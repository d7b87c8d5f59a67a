using AkkaRegenCache.Serialization;

namespace AkkaRegenCache.FarmLab.Node;

/// <summary>
/// What a later release of the cache might write with each value: a field that today's may pass over and, for some keys, one that a reader must understand.
/// </summary>
internal sealed class NextRelease : IValueFields
{
    /// <summary>Keys whose values have a field that must be understood begin so.</summary>
    public const string Demanding = "demanding";

    private const int Optional = 102;
    private const int Mandatory = 101;

    private static readonly ValueField s_optional = new(Optional, "passed over"u8.ToArray());
    private static readonly ValueField[] s_plain = [s_optional];
    private static readonly ValueField[] s_demanding = [new(Mandatory, "understood"u8.ToArray()), s_optional];

    public IReadOnlyList<ValueField> Of(string key) => key.StartsWith(Demanding, StringComparison.Ordinal) ? s_demanding : s_plain;

    public bool Understands(int tag) => tag == Mandatory;
}
