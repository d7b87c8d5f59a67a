using System.Collections.Frozen;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Protocol;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// A cache's registered generators, found by a key's keyspace: what is before its first colon. Thread-safe; a search allocates nothing.
/// </summary>
internal sealed class Keyspaces
{
    /// <summary>Stands between the keyspace's name and the key within it.</summary>
    public const char Separator = ':';

    private const string SeparatorText = ":";

    private readonly FrozenDictionary<string, KeyspaceSource> _sources;
    private readonly FrozenDictionary<string, KeyspaceSource>.AlternateLookup<ReadOnlySpan<char>> _byName;
    private readonly string _cacheName;

    /// <summary>Makes a cache's sources, one for each registration.</summary>
    /// <param name="cacheName">The cache's name, for errors.</param>
    /// <param name="registrations">What is registered; names are told apart already.</param>
    /// <param name="services">Makes the scopes. Needed only where something is registered.</param>
    /// <param name="profiles">The cache's way to resolve options.</param>
    public Keyspaces(
        string cacheName, IEnumerable<KeyspaceRegistration> registrations, IServiceProvider? services, EntryProfiles profiles)
    {
        _cacheName = cacheName;
        var all = registrations.ToArray();
        var scopes = services?.GetService<IServiceScopeFactory>();
        if (all.Length != 0 && scopes is null)
            throw new ArgumentException($"Cache '{cacheName}' has keyspaces, and no service provider that makes scopes for them.", nameof(services));
        _sources = all.ToFrozenDictionary(each => each.Name, each => each.CreateSource(scopes!, profiles), StringComparer.Ordinal);
        _byName = _sources.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public bool IsEmpty => _sources.Count == 0;

    /// <summary>The key that a keyspace's generator gets.</summary>
    public static string KeyWithin(string keyspace, string key) => key[(keyspace.Length + 1)..];

    /// <summary>The key that is stored.</summary>
    /// <exception cref="ArgumentException">The keyspace has a colon of its own, so that the whole would be a key of another keyspace.</exception>
    public static string FullKey(string keyspace, string key)
    {
        ArgumentNullException.ThrowIfNull(keyspace);
        ArgumentNullException.ThrowIfNull(key);
        if (keyspace.Contains(Separator))
            throw new ArgumentException($"A keyspace's name has no '{Separator}': '{keyspace}'.", nameof(keyspace));
        return string.Concat(keyspace, SeparatorText, key);
    }

    /// <summary>What generates a key: always the same instance for a keyspace. Null: its keyspace is not registered. Never throws.</summary>
    public GeneratorSource? SourceFor(string key) => Find(key);

    /// <inheritdoc cref="SourceFor"/>
    public KeyspaceSource? Find(string key)
    {
        var at = _sources.Count == 0 ? -1 : key.IndexOf(Separator, StringComparison.Ordinal);
        return at > 0 && at < key.Length - 1 && _byName.TryGetValue(key.AsSpan(0, at), out var source) ? source : null;
    }

    /// <summary>The error of somebody who reads a key whose keyspace isn't registered.</summary>
    public ArgumentException Unknown(string key)
    {
        var at = key.IndexOf(Separator, StringComparison.Ordinal);
        return new ArgumentException(
            at < 0 ? $"The key '{key}' has no keyspace: it is what comes before the first '{Separator}', as in 'users{Separator}42'."
            : _sources.ContainsKey(key[..at]) ? $"The key '{key}' has nothing after its keyspace."
            : $"Cache '{_cacheName}' has no keyspace '{key[..at]}' (of the key '{key}'): register it with AddKeyspace.",
            nameof(key));
    }

    /// <summary>The error of somebody who reads another type than is registered.</summary>
    public static InvalidOperationException WrongType<T>(string key, KeyspaceSource source) =>
        new($"The keyspace '{source.Keyspace}' is registered with values of type {source.ValueType}; '{key}' was asked for as {typeof(T)}.");
}
