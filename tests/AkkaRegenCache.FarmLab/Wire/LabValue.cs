using System.Globalization;

namespace AkkaRegenCache.FarmLab.Wire;

/// <summary>
/// What the farm caches: it says of itself what it is, so that everybody who gets it can judge it.
/// </summary>
/// <param name="Key">The key it was made for.</param>
/// <param name="Number">The origin's count for the key, over generations and sets.</param>
/// <param name="Token">The fencing token under which it was generated; 0 where the store could not be asked, and of sets (they learn theirs later).</param>
/// <param name="Node">The node incarnation that asked the origin for it.</param>
/// <param name="IsSet">Whether it was set, not generated.</param>
/// <param name="Begun">When the origin began, on the machine's monotonic clock.</param>
/// <param name="Ended">When the origin had it.</param>
/// <param name="Checksum">Over all of it.</param>
internal sealed record LabValue(
    string Key, long Number, long Token, string Node, bool IsSet, long Begun, long Ended, uint Checksum)
{
    /// <summary>Whether nothing of it was mixed up on its way.</summary>
    public bool IsWhole => Checksum == Sum();

    public static LabValue Of(string key, long number, long token, string node, bool isSet, long begun, long ended)
    {
        var value = new LabValue(key, number, token, node, isSet, begun, ended, 0);
        return value with { Checksum = value.Sum() };
    }

    // FNV-1a: stable over processes, which string.GetHashCode is not.
    private uint Sum()
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{Key} {Number} {Token} {Node} {IsSet} {Begun} {Ended}");
        var hash = 2166136261u;
        foreach (var c in text)
            hash = (hash ^ c) * 16777619;
        return hash;
    }
}
