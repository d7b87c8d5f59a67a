namespace AkkaRegenCache.Serialization;

/// <summary>The fields that a build of the cache knows beside the value itself. Only tests have any yet: they play a later release. Thread-safe.</summary>
internal interface IValueFields
{
    /// <summary>The fields to write with a key's value.</summary>
    IReadOnlyList<ValueField> Of(string key);

    /// <summary>Whether this build understands a field that must be understood.</summary>
    bool Understands(int tag);
}
